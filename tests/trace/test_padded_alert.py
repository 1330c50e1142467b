"""An alert that Java pads is no answer; the shortest answer is one."""

from __future__ import annotations

import pytest

from lab.trace.handshake import server_data
from lab.trace.talk import TLS, Talk
from lab.trace.tls import ServerHello
from lab.trace.tls_records import APPLICATION, Record


def told(version: str, *sizes: int) -> list[int]:
    hello = ServerHello(b"r" * 32, b"", version, None, False, 0)
    records = tuple(Record(APPLICATION, 0, b"x" * size) for size in sizes)
    return [len(record.body) for record in server_data(Talk(protocol=TLS, reply=hello, down_records=records))]


@pytest.mark.parametrize(
    ("version", "counted"),
    [("TLSv1.3", [36, 200]), ("TLSv1.2", [25, 35, 36, 200])],
)
def test_only_what_is_longer_than_any_alert_is_data(version: str, counted: list[int]) -> None:
    openssl_alert, java_alert = 19, 35
    shortest_answer = len(b"HTTP/1.1 200 OK\r\n\r\n") + 1 + 16
    assert shortest_answer == 36
    assert told(version, openssl_alert, 24, 25, java_alert, shortest_answer, 200) == counted

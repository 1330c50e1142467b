"""The datagram service."""

from __future__ import annotations

import hashlib
import json
import socket

import pytest

from tests.app.running import WAIT, Running


@pytest.mark.parametrize("data", [b"hello", b"", b"x" * 20000])
def test_a_datagram_is_answered_by_one(data: bytes) -> None:
    with Running(transport="udp") as app, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.connect(app.address)
        sock.send(data)
        assert json.loads(sock.recv(65536)) == {
            "app": "lab", "datagram_bytes": len(data), "datagram_sha256": hashlib.sha256(data).hexdigest(),
        }  # fmt: skip
        lines = [app.next(event) for event in ("read", "dispatched", "answered")]
        assert lines[0]["detail"] == str(len(data))
        assert {tuple(line["peer"]) for line in lines} == {sock.getsockname()}
        assert app.silent()


def test_the_address_that_it_was_sent_to_is_told_and_answers() -> None:
    with Running(transport="udp", address="0.0.0.0") as app, socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(WAIT)
        sock.sendto(b"x", ("127.0.0.7", app.address[1]))
        assert sock.recvfrom(65536)[1] == ("127.0.0.7", app.address[1])
        assert app.next("read")["local"] == ["127.0.0.7", app.address[1]]

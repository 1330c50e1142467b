"""TLS as OpenSSL speaks it, opened with the key log that the client wrote; the wrong secrets open nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lab.model.observations import Secret
from lab.model.routes import Witness
from lab.trace import trace
from lab.trace.connections import connections
from lab.trace.decrypted import Clear, decrypted
from lab.trace.moments import Memo
from lab.trace.talk import talk
from tests.trace.wire import OK, TOKEN, Lab, Tls, get, speak

if TYPE_CHECKING:
    from pathlib import Path

    from lab.model.routes import Counts
    from lab.trace.flows import Flow

SUITES = {
    "TLSv1_2": ("ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    "TLSv1_3": ("TLS_AES_256_GCM_SHA384",),
}
REQUEST, ANSWER = b"the request " * 3000, b"the answer " * 4000


def session(keys: Path, version: str, suite: str = "") -> tuple[Flow, tuple[Secret, ...]]:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    tls = Tls(version=version, keys=str(keys), ciphers=suite)
    conversation = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443)).open()
    speak(conversation, tls, REQUEST, ANSWER)
    lines = [line.split() for line in keys.read_text().splitlines() if not line.startswith("#")]
    seen = lab.seen()
    [connection] = connections(seen.packets, seen.inventory, Memo())
    return connection.best, tuple(Secret(a, bytes.fromhex(b), bytes.fromhex(c)) for a, b, c in lines)


CASES = [(version, suite) for version, suites in SUITES.items() for suite in suites]


@pytest.mark.parametrize(("version", "suite"), CASES, ids=[suite for _, suite in CASES])
def test_both_directions_are_opened_with_the_secrets_of_the_session(tmp_path: Path, version: str, suite: str) -> None:
    flow, secrets = session(tmp_path / "keys", version, suite if version == "TLSv1_2" else "")
    found = decrypted(talk(flow), secrets)
    assert found is not None
    assert (found[0].data, found[1].data) == (REQUEST, ANSWER)
    assert found[0].whole
    assert found[1].whole


def test_each_byte_is_known_by_the_record_that_carries_it(tmp_path: Path) -> None:
    flow, secrets = session(tmp_path / "keys", "TLSv1_3")
    up, _ = decrypted(talk(flow), secrets) or (Clear(b""), Clear(b""))
    assert len(up.records) == len(up.ends) > 1
    for offset in (0, up.ends[0] - 1, up.ends[0], len(up.data) - 1):
        begin, behind = up.begins(offset), up.behind(offset)
        assert flow.up.data[begin] == 23
        assert int.from_bytes(flow.up.data[begin + 3 : begin + 5]) + 5 == behind - begin
    assert up.behind(up.ends[0] - 1) <= up.begins(up.ends[0])


@pytest.mark.parametrize("version", SUITES)
def test_control_secrets_of_another_session_or_none_open_nothing(tmp_path: Path, version: str) -> None:
    flow, secrets = session(tmp_path / "keys", version)
    _, others = session(tmp_path / "other", version)
    assert decrypted(talk(flow), ()) is None
    assert decrypted(talk(flow), others) is None
    wrong = tuple(replace(one, secret=bytes(len(one.secret))) for one in secrets)
    found = decrypted(talk(flow), wrong)
    assert found is not None
    assert (found[0].data, found[1].data) == (b"", b"")


def test_what_was_tampered_with_ends_what_is_known_of_its_direction(tmp_path: Path) -> None:
    flow, secrets = session(tmp_path / "keys", "TLSv1_3")
    said = talk(flow)
    last = said.up_records[-1]
    broken = replace(last, body=bytes((last.body[0] ^ 1,)) + last.body[1:])
    up, down = decrypted(replace(said, up_records=(*said.up_records[:-1], broken)), secrets) or (Clear(b""), Clear(b""))
    assert REQUEST.startswith(up.data)
    assert 0 < len(up.data) < len(REQUEST)
    assert (up.whole, down.whole) == (False, True)
    assert down.data == ANSWER


def test_the_handshake_alone_has_nothing_to_open(tmp_path: Path) -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    conversation = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443)).open()
    conversation.up(Tls(keys=str(tmp_path / "keys")).hello())
    seen = lab.seen()
    [connection] = connections(seen.packets, seen.inventory, Memo())
    assert decrypted(talk(connection.best), (Secret("CLIENT_RANDOM", b"x", b"y"),)) is None


class Http:
    """A client and an application that ends TLS itself and speaks HTTP/1.1."""

    def __init__(self, keys: Path) -> None:
        self.lab, self.keys = Lab(client="10.0.0.9", web="10.0.0.2"), keys
        app = self.lab.container("app", "web", 7)
        self.tls = Tls(keys=str(keys))
        self.talk = self.lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443), reader=app).open()
        speak(self.talk, self.tls, get(TOKEN) + get(TOKEN), OK + OK[:-1])
        self.lab.report(self.talk, 200, sent=get(TOKEN))

    def counts(self) -> Counts:
        lines = [line.split() for line in self.keys.read_text().splitlines() if not line.startswith("#")]
        found = tuple(Secret(a, bytes.fromhex(b), bytes.fromhex(c)) for a, b, c in lines)
        [route] = trace(replace(self.lab.seen(), secrets=found))
        return route.counts


def test_requests_and_answers_in_the_client_s_session_are_counted_in_the_packets(tmp_path: Path) -> None:
    """Two requests, and one whole answer; the client tells of one request, and of one answer."""
    http = Http(tmp_path / "keys")
    assert (http.counts().requests, http.counts().answers) == (2, 1)
    assert {e.witness for name, e in http.counts().evidence if name in ("requests", "answers")} == {Witness.PACKETS}


def test_control_without_secrets_the_client_s_word_is_all_there_is(tmp_path: Path) -> None:
    http = Http(tmp_path / "keys")
    (tmp_path / "keys").write_text("")
    assert Witness.CLIENT in {e.witness for name, e in http.counts().evidence if name == "answers"}

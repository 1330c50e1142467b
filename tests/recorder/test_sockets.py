"""Rows of the socket table, and listeners looked for in them."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from recorder import sockets, waiting
from recorder.errors import BadRequestError, GoneError

RAW = {
    "idiag_state": 10,
    "idiag_src": "0.0.0.0",
    "idiag_sport": 8080,
    "idiag_dst": "0.0.0.0",
    "idiag_dport": 0,
    "idiag_inode": 42,
    "idiag_rqueue": 1,
    "idiag_wqueue": 128,
}


def raw(**changed: Any) -> dict[str, Any]:
    return RAW | {f"idiag_{name}": value for name, value in changed.items()}


def shown(protocol: int = 6, **changed: Any) -> dict[str, Any]:
    return sockets.row("web", "ready", 5, protocol, raw(**changed))


def test_a_row_has_the_lab_s_names() -> None:
    assert shown() == {
        "time_ns": 5,
        "look": "ready",
        "namespace": "web",
        "transport": "tcp",
        "state": "LISTEN",
        "local": ["0.0.0.0", 8080],
        "peer": ["0.0.0.0", 0],
        "inode": 42,
        "recv_q": 1,
        "send_q": 128,
    }


@pytest.mark.parametrize(
    ("written", "canonical"),
    [("::ffff:10.0.1.2", "10.0.1.2"), ("[::]", "::"), ("2001:DB8:0::1", "2001:db8::1"), ("127.0.0.1", "127.0.0.1")],
)
def test_addresses_are_canonical(written: str, canonical: str) -> None:
    assert sockets.canonical(written) == canonical


@pytest.mark.parametrize("asked", ["0.0.0.0", "::", "[::]", "", None])
@pytest.mark.parametrize("local", ["0.0.0.0", "::"])
def test_all_wildcards_are_one(asked: str | None, local: str) -> None:
    wanted = sockets.wanted({"transport": "tcp", "address": asked, "port": 8080})
    assert wanted in sockets.listening([shown(src=local)])


@pytest.mark.parametrize(
    "other",
    [
        {"src": "127.0.0.1"},
        {"sport": 8081},
        {"state": 1},
        {"protocol": 17, "state": 7},
    ],
)
def test_control_another_address_port_state_or_transport_is_not_it(other: dict[str, Any]) -> None:
    wanted = sockets.wanted({"transport": "tcp", "address": "0.0.0.0", "port": 8080})
    assert wanted not in sockets.listening([shown(**other)])


def test_an_unconnected_udp_socket_listens() -> None:
    wanted = sockets.wanted({"transport": "udp", "address": "0.0.0.0", "port": 8080})
    assert wanted in sockets.listening([shown(protocol=17, state=7)])


class Table:
    """A namespace's socket table whose rows come one dump after the other; the last stays."""

    def __init__(self, *dumps: list[dict[str, Any]]) -> None:
        self.dumps = list(dumps)

    def get_sock_stats(self, *, family: int, protocol: int, **_: int) -> list[dict[str, Any]]:
        if (family, protocol) != (2, 6):
            return []
        return self.dumps.pop(0) if len(self.dumps) > 1 else self.dumps[0]


def case(table: Table, monkeypatch: pytest.MonkeyPatch, *, gone: bool = False) -> Any:
    monkeypatch.setattr("recorder.case.gone", lambda _: gone)
    link = SimpleNamespace(diag=table, lock=threading.Lock())
    namespace = SimpleNamespace(name="web", link=link, ports=None, inode=-1)
    return SimpleNamespace(name="one", namespaces={"web": namespace})


LISTENER = {"namespace": "web", "transport": "tcp", "address": "0.0.0.0", "port": 8080}


def test_wait_ends_as_soon_as_the_listener_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(Table([], [], [RAW]), monkeypatch), [LISTENER], 60.0, threading.Condition())
    assert found == {"seen": [LISTENER], "missing": [], "ended": []}


def test_control_wait_says_what_is_missing_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(Table([]), monkeypatch), [LISTENER], 0.01, threading.Condition())
    assert found == {"seen": [], "missing": [LISTENER], "ended": []}


def test_wait_does_not_wait_for_a_namespace_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(Table([]), monkeypatch, gone=True), [LISTENER], 60.0, threading.Condition())
    assert found["ended"] == [LISTENER]


def test_wait_does_not_wait_for_a_container_without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = LISTENER | {"port": 0, "container": "f" * 64}
    found = waiting.wait(case(Table([RAW]), monkeypatch), [listener], 60.0, threading.Condition())
    assert found["ended"] == [listener]


def test_wait_refuses_what_it_cannot_know(monkeypatch: pytest.MonkeyPatch) -> None:
    one = case(Table([]), monkeypatch)
    with pytest.raises(GoneError, match="namespace app is not attached to case one"):
        waiting.wait(one, [LISTENER | {"namespace": "app"}], 1.0, threading.Condition())
    with pytest.raises(BadRequestError, match="port 0 needs the id of a container"):
        waiting.wait(one, [LISTENER | {"port": 0}], 1.0, threading.Condition())
    with pytest.raises(ValueError, match="nonsense"):
        waiting.wait(one, [LISTENER | {"address": "nonsense"}], 1.0, threading.Condition())

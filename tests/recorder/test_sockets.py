"""Rows of the socket table, and listeners looked for in them."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from recorder import diag, sockets, waiting
from recorder.errors import BadRequestError, GoneError

RAW = diag.Raw(2, 10, 0, 0, ("0.0.0.0", 8080), ("0.0.0.0", 0), 1, 128, 42)


def shown(protocol: int = 6, **changed: Any) -> dict[str, Any]:
    return sockets.row("web", "ready", 5, protocol, RAW._replace(**changed))


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
    assert wanted in sockets.listening([shown(local=(local, 8080))])


@pytest.mark.parametrize(
    "other",
    [
        {"local": ("127.0.0.1", 8080)},
        {"local": ("0.0.0.0", 8081)},
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


def case(monkeypatch: pytest.MonkeyPatch, *dumps: list[diag.Raw], gone: bool = False) -> Any:
    """A case with one namespace whose TCP table comes one dump after the other; the last stays."""
    left = list(dumps)

    def dump(_: object, family: int, protocol: int, __: int) -> list[diag.Raw]:
        if (family, protocol) != (2, 6):
            return []
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(diag, "dump", dump)
    monkeypatch.setattr("recorder.case.gone", lambda _: gone)
    link = SimpleNamespace(diag=None, lock=threading.Lock())
    namespace = SimpleNamespace(name="web", link=link, ports=None, inode=-1)
    return SimpleNamespace(name="one", namespaces={"web": namespace})


LISTENER = {"namespace": "web", "transport": "tcp", "address": "0.0.0.0", "port": 8080}


def test_wait_ends_as_soon_as_the_listener_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(monkeypatch, [], [], [RAW]), [LISTENER], 60.0, threading.Condition())
    assert found == {"seen": [LISTENER], "missing": [], "ended": [], "open": {}}


def test_control_wait_says_what_is_missing_when_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(monkeypatch, []), [LISTENER], 0.01, threading.Condition())
    assert found == {"seen": [], "missing": [LISTENER], "ended": [], "open": {"web": []}}


def test_wait_says_what_is_open_instead_and_leaves_the_engines_resolver_out(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [RAW._replace(local=("127.0.0.1", 3001)), RAW._replace(local=("127.0.0.11", 40001))]
    found = waiting.wait(case(monkeypatch, rows), [LISTENER], 0.01, threading.Condition())
    assert found["open"] == {"web": ["127.0.0.1:3001"]}


@pytest.mark.parametrize(("holder", "seen"), [("a", True), ("b", False)])
def test_a_listener_counts_for_the_container_whose_process_holds_it(
    monkeypatch: pytest.MonkeyPatch, holder: str, seen: bool
) -> None:
    process = {one: SimpleNamespace(cgroup=f"/docker/{one * 64}", sockets=set()) for one in "ab"}
    process[holder].sockets = {RAW.inode}
    monkeypatch.setattr("recorder.processes.in_namespaces", lambda _: list(process.values()))
    listener = LISTENER | {"container": "a" * 64}
    found = waiting.wait(case(monkeypatch, [RAW]), [listener], 0.01, threading.Condition())
    assert found["seen"] == ([listener] if seen else [])


def test_wait_does_not_wait_for_a_namespace_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = waiting.wait(case(monkeypatch, [], gone=True), [LISTENER], 60.0, threading.Condition())
    assert found["ended"] == [LISTENER]


def test_wait_does_not_wait_for_a_container_without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    listener = LISTENER | {"port": 0, "container": "f" * 64}
    found = waiting.wait(case(monkeypatch, [RAW]), [listener], 60.0, threading.Condition())
    assert found["ended"] == [listener]


def test_wait_refuses_what_it_cannot_know(monkeypatch: pytest.MonkeyPatch) -> None:
    one = case(monkeypatch, [])
    with pytest.raises(GoneError, match="namespace app is not attached to case one"):
        waiting.wait(one, [LISTENER | {"namespace": "app"}], 1.0, threading.Condition())
    with pytest.raises(BadRequestError, match="port 0 needs the id of a container"):
        waiting.wait(one, [LISTENER | {"port": 0}], 1.0, threading.Condition())
    with pytest.raises(ValueError, match="nonsense"):
        waiting.wait(one, [LISTENER | {"address": "nonsense"}], 1.0, threading.Condition())

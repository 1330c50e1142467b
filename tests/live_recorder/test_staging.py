"""What staged probes ask of the recorder: stillness, waiting for a connection, signals, links that lose.

Traffic stays inside namespaces made here; every loop is bounded.
"""

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.engine import agent as agents
from lab.engine import docker
from lab.engine.errors import AgentError

pytestmark = pytest.mark.docker

Fetch = Callable[[str, str], Path]

SERVER = """
import os, signal, socket, sys, threading
listener = socket.create_server(("0.0.0.0", 8080), backlog=1)
def serve(taken):
    while data := taken.recv(65536):
        taken.sendall(b"+" + data)
while True:
    taken, _ = listener.accept()
    threading.Thread(target=serve, args=(taken,)).start()
"""
"""Answers whatever comes on each connection."""

IDLE = """
import socket, time
listener = socket.create_server(("0.0.0.0", 8080), backlog=1)
taken = [listener.accept()]
time.sleep(100)
"""
"""Accepts once and reads nothing."""

BUSY = """
import time
end = time.monotonic() + 100
while time.monotonic() < end:
    pass
"""

CLIENT = """
import json, socket, sys
sockets = []
for line in sys.stdin:
    words = json.loads(line)
    try:
        if words[0] == "connect":
            sockets.append(socket.create_connection((words[1], 8080), timeout=words[2]))
            sockets[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answer = sockets[-1].getsockname()
        elif words[0] == "send":
            answer = sockets[-1].send(words[1].encode() * words[2])
        elif words[0] == "recv":
            sockets[-1].settimeout(words[2])
            answer = sockets[-1].recv(words[1]).decode()
        elif words[0] == "close":
            answer = sockets.pop().close()
    except OSError as error:
        answer = {"error": type(error).__name__}
    print(json.dumps(answer), flush=True)
"""
"""A client that does one thing a line: its kernel's connections stay as they are meanwhile."""

LISTENER = {"namespace": "web", "transport": "tcp", "address": "0.0.0.0", "port": 8080}


class Client:
    """The program above in a container."""

    def __init__(self, place: Any, network: str) -> None:
        name = f"client-{time.monotonic_ns()}"
        spec = docker.ContainerSpec(
            name=f"{place.name}-{name}",
            image=place.tags["client"],
            labels={"lab.test.recorder": place.name},
            command=("python3", "-uc", CLIENT),
            network=network,
            stdin_open=True,
        )
        made = docker.create_container(place.engine, spec)
        self.attached = docker.attach(place.engine, made)
        docker.start(place.engine, made)
        self.facts = docker.inspect(place.engine, made)
        self.frames, self.lines = agents.FrameReader(), agents.LineReader()

    def say(self, *words: object) -> None:
        self.attached.sock.sendall(json.dumps(words).encode() + b"\n")

    def hear(self) -> Any:
        self.attached.sock.settimeout(20)
        while data := self.attached.sock.recv(65536):
            for _, payload in self.frames.feed(data):
                for line in self.lines.feed(payload):
                    return json.loads(line)
        raise AssertionError("the client is gone")

    def ask(self, *words: object) -> Any:
        self.say(*words)
        return self.hear()


class Stage:
    """Two namespaces, a server in one, a client in the other, and a recorder that watches."""

    def __init__(self, recorder: agents.Agent, made: str, server: docker.ContainerFacts, client: Client, address: str) -> None:
        self.recorder, self.made, self.server, self.client, self.address = recorder, made, server, client, address

    def ask(self, do: str, **fields: object) -> dict[str, Any]:
        asked = self.recorder.send(do, **{"case": "one", **fields})
        return dict(self.recorder.wait(asked, do, 20))

    def connect(self, timeout: float = 5.0) -> list[Any]:
        found = self.client.ask("connect", self.address, timeout)
        assert isinstance(found, list), found
        return found

    def wait_for(self, what: str, local: list[Any], timeout: float = 5.0) -> dict[str, Any]:
        return self.ask("await", what=what, namespace="user", local=local, timeout=timeout)

    def settle(self, timeout: float = 5.0) -> dict[str, Any]:
        return self.ask("settle", timeout=timeout)


@contextmanager
def stage(place: Any, program: str = SERVER, without: tuple[str, ...] = (), transport: str = "tcp") -> Iterator[Stage]:
    net = place.network(5)
    web = place.run("web", net.name)
    client = Client(place, net.name)
    with place.recorder(without=without) as (recorder, made):
        recorder.ready(20)
        named = [{"name": "web", "pid": web.pid}, {"name": "user", "pid": client.facts.pid}]
        recorder.ask("attach", case="one", namespaces=named, host=None)
        server = place.python("server", f"container:{web.id}", program, user="10001:10001")
        at = Stage(recorder, made, server, client, dict(web.addresses)[net.name])
        assert not at.ask("wait", listeners=[LISTENER | {"transport": transport}], timeout=10)["missing"]
        yield at


def processes_of(place: Any, facts: docker.ContainerFacts) -> str:
    return docker.inspect(place.engine, facts.id).state


def test_each_moment_of_a_connection_can_be_waited_for(place: Any) -> None:
    with stage(place) as at:
        at.ask("signal", container=at.server.id, process="all", signal="STOP")
        local = at.connect()
        assert at.wait_for("accepted", local, 0.1)["why"].endswith("is ESTAB, owned by nobody, with 0 bytes unread")
        assert at.ask("receiver", local=local) == {"pids": []}
        at.client.ask("send", "x", 10)
        assert at.wait_for("arrived", local) == {"seen": True}
        assert at.wait_for("unread", local) == {"seen": True}
        assert at.wait_for("read", local, 0.1) == {
            "seen": False,
            "why": "the other end in web is ESTAB, owned by nobody, with 10 bytes unread",
        }
        at.ask("signal", container=at.server.id, process="all", signal="CONT")
        assert at.wait_for("accepted", local) == {"seen": True}
        assert at.wait_for("read", local) == {"seen": True}
        assert at.ask("receiver", local=local) == {"pids": [at.server.pid]}
        assert at.wait_for("closed", local, 0.1)["seen"] is False
        at.ask("signal", container=at.server.id, process=at.server.pid, signal="KILL")
        assert at.wait_for("closed", local) == {"seen": True}


def test_control_a_connection_that_nobody_has_is_never_seen(place: Any) -> None:
    with stage(place) as at:
        nowhere = ["10.213.5.9", 9]
        assert at.wait_for("accepted", nowhere, 0.1)["why"] == "no namespace of the case has the other end"
        assert at.ask("receiver", local=nowhere) == {"pids": []}
        with pytest.raises(AgentError, match="known are arrived, unread, accepted, read, closed, full"):
            at.wait_for("thought about", nowhere)
        with pytest.raises(AgentError, match="namespace db is not attached"):
            at.ask("await", what="read", namespace="db", local=nowhere, timeout=1)


def test_a_full_accept_queue_is_seen(place: Any) -> None:
    with stage(place) as at:
        at.ask("signal", container=at.server.id, process="all", signal="STOP")

        def full(timeout: float) -> dict[str, Any]:
            listener = [at.address, 8080]
            return at.ask("await", what="full", namespace="user", local=None, listener=listener, timeout=timeout)

        at.connect()
        assert full(0.1) == {"seen": False, "why": "1 wait, the backlog is 1"}
        at.connect()
        assert full(5) == {"seen": True}


def test_stillness_comes_soon_where_nothing_moves(place: Any) -> None:
    with stage(place) as at:
        took = []
        for _ in range(10):
            began = time.monotonic()
            assert at.settle() == {"settled": True}
            took.append(time.monotonic() - began)
        assert sorted(took)[5] < 0.1


def test_control_there_is_no_stillness_while_a_process_runs(place: Any) -> None:
    with stage(place) as at:
        busy = place.python("busy", f"container:{at.server.id}", BUSY)
        found = at.settle(0.3)
        assert found["settled"] is False
        assert any("python3" in each and each.endswith("runs") for each in found["moving"])
        at.ask("signal", container=busy.id, process="all", signal="STOP")
        assert at.settle() == {"settled": True}


PINGS = """
import socket, sys, time
end = time.monotonic() + 30
with socket.create_connection((sys.argv[1], 8080)) as opened:
    while time.monotonic() < end:
        opened.sendall(b"x")
        opened.recv(9)
        time.sleep(0.005)
"""


def test_control_there_is_no_stillness_while_bytes_pass(place: Any) -> None:
    with stage(place) as at:
        busy = place.run("pings", f"container:{at.client.facts.id}", "python3", "-c", PINGS, at.address)
        for _ in range(5):
            assert at.settle(0.2)["settled"] is False
        at.ask("signal", container=busy.id, process="all", signal="KILL")
        assert at.settle() == {"settled": True}


def test_stopped_and_paused_processes_are_still_with_bytes_unread(place: Any) -> None:
    with stage(place) as at:
        local = at.connect()
        at.ask("signal", container=at.server.id, process="all", signal="STOP")
        at.client.ask("send", "x", 10)
        assert at.wait_for("unread", local) == {"seen": True}
        assert at.settle() == {"settled": True}
        assert at.wait_for("unread", local, 0) == {"seen": True}
        at.ask("signal", container=at.server.id, process="all", signal="CONT")
        assert at.wait_for("read", local) == {"seen": True}
        place.engine.api.pause(at.server.id)
        at.client.ask("send", "x", 10)
        assert at.settle() == {"settled": True}
        place.engine.api.unpause(at.server.id)


def test_bytes_that_a_live_process_leaves_are_given_time_and_no_more(place: Any) -> None:
    with stage(place, IDLE) as at:
        at.connect()
        at.client.ask("send", "x", 10)
        assert at.settle(0.01)["settled"] is False
        assert at.settle() == {"settled": True}


def test_a_closed_window_is_still(place: Any) -> None:
    with stage(place, IDLE) as at:
        local = at.connect(0.3)
        sent = [at.client.ask("send", "x", 8_000_000) for _ in range(20)]
        assert sent[-1] == {"error": "TimeoutError"}
        assert at.settle() == {"settled": True}
        assert at.wait_for("arrived", local, 0)["seen"] is False


def test_only_processes_of_the_named_container_are_signalled(place: Any) -> None:
    with stage(place) as at:
        stranger = place.run("stranger", "none")
        neighbour = place.run("neighbour", f"container:{at.server.id}")
        refusals = [
            ({"container": at.server.id, "process": stranger.pid}, "is none of container"),
            ({"container": at.server.id, "process": neighbour.pid}, "is none of container"),
            ({"container": at.server.id, "process": 1}, "is none of container"),
            ({"container": stranger.id, "process": "all"}, "has no process in a namespace of case one"),
            ({"container": stranger.id, "process": stranger.pid}, "is none of container"),
            ({"container": at.made, "process": "all"}, "has no process in a namespace of case one"),
            ({"container": at.server.id[:12], "process": "all"}, "a whole id is needed"),
            ({"container": "", "process": "all"}, "a whole id is needed"),
        ]
        for fields, words in refusals:
            with pytest.raises(AgentError, match=words):
                at.ask("signal", signal="KILL", **fields)
        with pytest.raises(AgentError, match="known are STOP, CONT, KILL"):
            at.ask("signal", signal="HUP", container=at.server.id, process="all")
        assert [processes_of(place, each) for each in (stranger, neighbour, at.server)] == ["running"] * 3
        assert at.ask("signal", signal="KILL", container=neighbour.id, process="all") == {"pids": [neighbour.pid]}
        assert docker.wait(place.engine, neighbour.id, 10) == 137


def test_a_lost_segment_comes_twice_and_is_read_once(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        local = at.connect()
        assert at.ask("link", namespace="web", port=8080, lose=[2], late=[]) == {"available": True}
        for piece in ("a", "b", "c"):
            at.client.ask("send", piece, 10)
        heard = ""
        while len(heard) < 30 + 1:
            heard += at.client.ask("recv", 100, 5)
        at.ask("link", namespace="web", port=None, lose=[], late=[])
        at.ask("detach")
        folder = evidence(at.made, "one")
        came = payloads(folder, "web", 8080)
    again = [each for each in kernel(folder, "retransmit") if each["peer"] == [at.address, 8080]]
    assert [each["local"] for each in again] == [local]
    assert heard.replace("+", "") == "a" * 10 + "b" * 10 + "c" * 10
    assert b"".join(came).count(b"b" * 10) == 2
    assert b"".join(came).count(b"a" * 10) == 1


def test_a_late_segment_comes_after_the_next_and_is_read_in_order(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        local = at.connect()
        assert at.ask("link", namespace="web", port=8080, lose=[], late=[1]) == {"available": True}
        at.client.ask("send", "a", 10)
        at.client.ask("send", "b", 10)
        assert at.wait_for("read", local) == {"seen": True}
        heard = ""
        while len(heard) < 20 + 1:
            heard += at.client.ask("recv", 100, 5)
        at.ask("detach")
        came = payloads(evidence(at.made, "one"), "web", 8080)
    assert came[:2] == [b"b" * 10, b"a" * 10]
    assert heard.replace("+", "") == "a" * 10 + "b" * 10


LOOPBACK = """
import socket
with socket.create_connection(("127.0.0.1", 8080)) as opened:
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.sendall(b"a" * 10)
    opened.sendall(b"b" * 10)
    heard = b""
    while len(heard.replace(b"+", b"")) < 20:
        heard += opened.recv(99)
print(heard.decode())
"""


def test_a_late_segment_is_late_on_loopback_too(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        at.ask("link", namespace="web", port=8080, lose=[], late=[1])
        code, said = docker.exec_in(place.engine, at.server.id, ("python3", "-c", LOOPBACK))
        assert code == 0, said
        at.ask("detach")
        came = payloads(evidence(at.made, "one"), "web", 8080)
    assert came[:2] == [b"b" * 10, b"a" * 10]  # the sender may take it for lost meanwhile, and send it again
    assert said.strip().replace("+", "") == "a" * 10 + "b" * 10


def test_a_late_segment_that_nothing_follows_goes_on_after_a_while(place: Any) -> None:
    with stage(place) as at:
        local = at.connect()
        at.ask("link", namespace="web", port=8080, lose=[], late=[1])
        at.client.ask("send", "a", 10)
        assert at.settle(0)["moving"]
        assert at.wait_for("read", local, 5) == {"seen": True}
        assert at.settle() == {"settled": True}


def test_a_held_segment_waits_until_it_is_let_go_and_all_is_still_meanwhile(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        local = at.connect()
        at.client.ask("send", "a", 10)
        assert at.wait_for("read", local) == {"seen": True}
        assert at.ask("link", namespace="web", port=8080, hold=[1]) == {"available": True}
        for piece in ("b", "c"):
            at.client.ask("send", piece, 10)
        assert at.settle() == {"settled": True}
        assert at.wait_for("read", local, 1)["seen"] is False  # longer than its sender waits before it sends again
        assert at.client.ask("recv", 100, 1).replace("+", "") == "a" * 10
        at.ask("link", namespace="web")
        assert at.wait_for("read", local) == {"seen": True}
        heard = ""
        while len(heard.replace("+", "")) < 20:
            heard += at.client.ask("recv", 100, 5)
        at.ask("detach")
        came = payloads(evidence(at.made, "one"), "web", 8080)
    assert came.index(b"c" * 10) < came.index(b"b" * 10)
    assert came.count(b"b" * 10) == 1
    assert heard.replace("+", "") == "b" * 10 + "c" * 10


def test_an_acknowledgement_that_is_held_leaves_the_handshake_half_done(place: Any) -> None:
    with stage(place) as at:
        at.ask("link", namespace="web", hold="ack")
        local = at.connect()
        assert at.settle() == {"settled": True}
        assert "SYN-RECV" in at.wait_for("accepted", local, 0.1)["why"]
        at.ask("link", namespace="web")
        assert at.wait_for("accepted", local) == {"seen": True}


def test_a_fin_that_is_lost_is_not_heard_and_a_delay_is_over_by_itself(place: Any) -> None:
    with stage(place) as at:
        local = at.connect()
        at.ask("link", namespace="web", port=8080, delay=0.3)
        began = time.monotonic()
        at.client.ask("send", "a", 10)
        assert at.settle(0.05)["moving"]
        assert at.wait_for("read", local) == {"seen": True}
        assert 0.25 < time.monotonic() - began < 2
        at.ask("link", namespace="web", port=8080, lose="fin")
        at.client.ask("recv", 100, 5)
        at.client.ask("close")
        assert at.settle() == {"settled": True}
        assert at.wait_for("closed", local, 0.1)["why"] == "the client's socket is FIN-WAIT-1"
        at.ask("link", namespace="web")
        assert at.wait_for("closed", local, 3)["why"] == "the client's socket is FIN-WAIT-2"  # that server never closes


def test_a_dropped_port_answers_nothing_until_the_link_is_whole_again(place: Any) -> None:
    with stage(place) as at:
        at.ask("link", namespace="web", port=8080, lose="all", late=[])
        assert at.client.ask("connect", at.address, 0.5) == {"error": "TimeoutError"}
        at.ask("link", namespace="web", port=8081, lose="all", late=[])
        at.connect()
        at.ask("link", namespace="web", port=8080, lose="all", late=[])
        at.ask("link", namespace="web", port=None, lose=[], late=[])
        at.connect()


def test_a_link_outlives_neither_the_case_nor_the_recorder(place: Any) -> None:
    with stage(place) as at:
        at.ask("link", namespace="web", port=8080, lose="all", late=[])
        at.ask("detach")
        at.connect()
        named = [{"name": "web", "pid": at.server.pid}]
        at.recorder.ask("attach", case="two", namespaces=named, host=None)
        at.recorder.ask("link", case="two", namespace="web", port=8080, lose="all", late=[])
        assert at.client.ask("connect", at.address, 0.5) == {"error": "TimeoutError"}
        docker.kill(place.engine, at.made)
        docker.wait(place.engine, at.made, 10)
        at.connect()


def test_a_link_reaches_no_foreign_namespace(place: Any) -> None:
    with stage(place) as at, socket.create_server(("127.0.0.1", 0)) as here:
        with pytest.raises(AgentError, match="namespace db is not attached"):
            at.ask("link", namespace="db", port=None, lose="all", late=[])
        host = {"interfaces": ["lo"], "ports": [here.getsockname()[1]]}
        at.recorder.ask("attach", case="one", namespaces=[], host=host)
        disguised = place.run("disguised", "host")
        at.recorder.ask("attach", case="one", namespaces=[{"name": "disguised", "pid": disguised.pid}], host=None)
        for name in ("host", "disguised"):
            with pytest.raises(AgentError, match="the engine's own"):
                at.ask("link", namespace=name, port=here.getsockname()[1], lose="all", late=[1])
        at.ask("link", namespace="web", port=here.getsockname()[1], lose="all", late=[1])
        with socket.create_connection(here.getsockname(), timeout=5):
            pass


def test_the_kernel_tells_when_data_was_ready_and_that_nobody_had_read_it(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        at.ask("signal", container=at.server.id, process="all", signal="STOP")
        local = at.connect()
        at.client.ask("send", "x", 10)
        assert at.wait_for("unread", local) == {"seen": True}
        thawed = time.time_ns()
        at.ask("signal", container=at.server.id, process="all", signal="CONT")
        assert at.wait_for("read", local) == {"seen": True}
        at.ask("detach")
        folder = evidence(at.made, "one")
    (socket_,) = {each["socket"] for each in kernel(folder, "state") if each["local"][1] == 8080 and each["peer"] == local}
    ready = [each["time_ns"] for each in kernel(folder, "ready") if each["socket"] == socket_]
    read = [each["time_ns"] for each in kernel(folder, "read") if each["socket"] == socket_ and each["size"] == 10]
    assert len(ready) == len(read) == 1
    assert ready[0] < thawed < read[0]


def test_the_kernel_tells_who_refused_and_why(place: Any, evidence: Fetch) -> None:
    with stage(place) as at:
        at.connect()
        at.ask("signal", container=at.server.id, process="all", signal="KILL")
        assert at.client.ask("connect", at.address, 5) == {"error": "ConnectionRefusedError"}
        at.ask("detach")
        folder = evidence(at.made, "one")
    (refusal,) = [each for each in kernel(folder, "reset sent") if each["reason"] == "NO_SOCKET"]
    assert refusal["local"] == [at.address, 8080]
    assert refusal["socket"] == 0
    (heard,) = [each for each in kernel(folder, "reset received") if each["local"] == refusal["peer"]]
    assert heard["peer"] == refusal["local"]


def kernel(folder: Path, event: str) -> list[dict[str, Any]]:
    lines = (json.loads(line) for line in (folder / "kernel.jsonl").read_text().splitlines())
    return [each for each in lines if each["event"] == event]


def payloads(folder: Path, namespace: str, port: int) -> list[bytes]:
    """Payloads of the segments to this port, in the order of the capture."""
    from tests.live_recorder.test_live_recorder import segments

    return [each.data for _, each in segments(folder, namespace) if each.dport == port and each.data]

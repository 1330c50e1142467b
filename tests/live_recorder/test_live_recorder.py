"""The recorder on a real kernel: what it sees of traffic that the test makes, and what it needs for that.

Traffic stays inside namespaces made here and on 127.0.0.1; every loop is bounded.
"""

import io
import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dpkt
import pytest

from lab.engine import agent as agents
from lab.engine import collecting, docker
from lab.engine.bench import RECORDER_CAPABILITIES
from lab.engine.errors import AgentError
from lab.engine.folder import read_observations

pytestmark = pytest.mark.docker

Fetch = Callable[[str, str], Path]

SERVER = """
import socket, sys
listener = socket.create_server(("0.0.0.0", 8080))
while True:
    taken, _ = listener.accept()
    taken.recv(65536)
    taken.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
    taken.close()
"""
REQUEST = """
import socket, sys
for _ in range(int(sys.argv[2])):
    with socket.create_connection((sys.argv[1], 8080), timeout=5) as opened:
        opened.sendall(b"GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        while opened.recv(65536):
            pass
"""
LISTENER = {"namespace": "web", "transport": "tcp", "address": "0.0.0.0", "port": 8080}


def request(place: Any, inside: docker.ContainerFacts, host: str, count: int = 1) -> None:
    code, said = docker.exec_in(place.engine, inside.id, ("python3", "-c", REQUEST, host, str(count)))
    assert code == 0, said


def wait(recorder: agents.Agent, listener: dict[str, Any], timeout: float) -> dict[str, Any]:
    asked = recorder.send("wait", case="one", listeners=[listener], timeout=timeout)
    return dict(recorder.wait(asked, "wait", timeout + 5))


def named(**facts: docker.ContainerFacts) -> list[dict[str, Any]]:
    return [{"name": name, "pid": each.pid} for name, each in facts.items()]


def lines(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text().splitlines()]


def segments(folder: Path, namespace: str) -> list[tuple[str, dpkt.tcp.TCP]]:
    """`(source address, segment)` of each TCP packet, read by dpkt."""
    found = []
    for _, frame in dpkt.pcapng.Reader(io.BytesIO((folder / f"packets/{namespace}.pcapng").read_bytes())):
        packet = dpkt.ethernet.Ethernet(frame).data
        if isinstance(packet, dpkt.ip.IP) and isinstance(packet.data, dpkt.tcp.TCP):
            found.append((socket.inet_ntoa(packet.src), packet.data))
    return found


def syns(folder: Path, namespace: str) -> int:
    return sum(each.flags == dpkt.tcp.TH_SYN and each.dport == 8080 for _, each in segments(folder, namespace))


def test_a_request_is_seen_by_all_four_witnesses(place: Any, evidence: Fetch) -> None:
    net = place.network(1)
    web, user = place.run("web", net.name), place.run("user", net.name)
    with place.recorder() as (recorder, made):
        ready = recorder.ready(20)
        assert {name: each["available"] for name, each in ready["witnesses"].items()} == dict.fromkeys(
            ("packets", "sockets", "kernel", "processes"), True
        )
        seen = recorder.ask("attach", case="one", namespaces=named(web=web, user=user), host=None)["namespaces"]
        server = place.python("server", f"container:{web.id}", SERVER)
        assert wait(recorder, LISTENER, 10)["seen"] == [LISTENER]
        recorder.ask("look", case="one", label="ready")
        request(place, user, dict(web.addresses)[net.name])
        request(place, web, "127.0.0.1")
        done = recorder.ask("detach", case="one")
        folder = evidence(made, "one")
        recorder.ask("forget", case="one")

    assert [each["name"] for each in seen[0]["interfaces"]] == ["lo", "eth0"]
    assert done["packets_lost"] == {"web": 0, "user": 0}
    assert done["kernel_lost"] == 0

    # Packets: in both namespaces from the first SYN to the last FIN; loopback once.
    assert (syns(folder, "web"), syns(folder, "user")) == (2, 1)
    fins = [each for _, each in segments(folder, "web") if each.flags & dpkt.tcp.TH_FIN]
    assert len(fins) == 4

    # Processes and sockets: the listener is held by the server's process, which its cgroup names.
    (listener,) = [each for each in lines(folder, "sockets") if each["state"] == "LISTEN" and each["local"][1] == 8080]
    (holder,) = listener["holders"]
    found = {each["pid"]: each for each in lines(folder, "processes")}
    assert server.id in found[holder]["cgroup"]
    assert found[holder]["namespace_pid"] == 1
    assert found[holder]["name"].startswith("python3")

    # Kernel: that process accepted and read both requests; the client's own process, gone by now, is known too.
    kernel = lines(folder, "kernel")
    assert [each["pid"] for each in kernel if each["event"] == "accept"] == [holder, holder]
    reads = [each for each in kernel if each["event"] == "read" and each["pid"] == holder and each["size"] == 27]
    assert [each["namespace"] for each in reads] == ["web", "web"]
    writers = {each["pid"] for each in kernel if each["event"] == "write" and each["size"] == 27}
    assert {found[pid]["namespace"] for pid in writers} == {"web", "user"}
    for read in reads:
        ends = [each["local"] for each in kernel if each["event"] == "state" and each["socket"] == read["socket"]]
        assert all(each[1] == 8080 for each in ends)
    # And all of it can be read back as the lab's own values.
    (folder / "inventory.json").write_text('{"namespaces": [], "containers": []}')
    observed = read_observations(folder)
    assert len(observed.packets) >= len(segments(folder, "web")) + len(segments(folder, "user"))
    assert len(observed.kernel) == done["kernel_events"]
    assert {each.pid for each in observed.processes} == set(found)

    times = [each["time_ns"] for each in kernel]
    assert abs(times[0] - time.time_ns()) < 60e9


def test_kernel_and_packets_share_a_clock(place: Any, evidence: Fetch) -> None:
    web = place.run("web", "none")
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        place.python("server", f"container:{web.id}", SERVER)
        wait(recorder, LISTENER, 10)
        request(place, web, "127.0.0.1")
        recorder.ask("detach", case="one")
        folder = evidence(made, "one")
    arrived = next(time for time, each in timed(folder, "web") if each.data and each.dport == 8080)
    kernel = lines(folder, "kernel")
    written = next(each for each in kernel if each["event"] == "write" and each["size"] == 27)["time_ns"]
    read = next(each for each in kernel if each["event"] == "read" and each["size"] == 27)["time_ns"]
    # The bytes pass the interface inside the writer's call, which returns after that, and before they are read.
    assert arrived < written
    assert arrived < read
    assert read - arrived < 1e9


def timed(folder: Path, namespace: str) -> list[tuple[int, dpkt.tcp.TCP]]:
    """`(nanoseconds, segment)`; dpkt gives seconds as a float, so the time is taken from the block."""
    raw = (folder / f"packets/{namespace}.pcapng").read_bytes()
    found, place = [], 0
    while place < len(raw):
        kind, length = struct.unpack_from("<II", raw, place)
        if kind == 6:
            _, high, low, size = struct.unpack_from("<IIII", raw, place + 8)
            packet = dpkt.ethernet.Ethernet(raw[place + 28 : place + 28 + size]).data
            if isinstance(packet, dpkt.ip.IP) and isinstance(packet.data, dpkt.tcp.TCP):
                found.append(((high << 32) + low, packet.data))
        place += length
    return found


def test_two_cases_at_once_do_not_hold_each_other_up_or_mix(place: Any, evidence: Fetch) -> None:
    web, other = place.run("web", "none"), place.run("other", "none")
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        recorder.ask("attach", case="two", namespaces=named(web=other), host=None)
        waiting = recorder.send("wait", case="two", listeners=[LISTENER], timeout=20)
        place.python("server", f"container:{web.id}", SERVER)
        assert wait(recorder, LISTENER, 10)["missing"] == []
        request(place, web, "127.0.0.1", 3)
        assert not waiting.done()
        place.python("server2", f"container:{other.id}", SERVER)
        assert recorder.wait(waiting, "wait", 10)["missing"] == []
        counts = {case: recorder.ask("detach", case=case)["packets"]["web"] for case in ("one", "two")}
        folders = {case: evidence(made, case) for case in ("one", "two")}
    assert counts["one"] > 0
    assert counts["two"] == 0
    assert [each["event"] for each in lines(folders["one"], "kernel")].count("accept") == 3
    # On loopback a change of state is anybody's, a reset too, and so is what a socket does before somebody has read it.
    # A container that starts writes to UNIX sockets of its runtime in its own namespace.
    anybodys = ("state", "reset sent", "reset received")
    theirs = [each for each in lines(folders["two"], "kernel") if each["event"] not in anybodys]
    assert {each["event"] for each in theirs if each.get("transport", "tcp") == "tcp"} <= {"ready"}


def test_waiting_ends_early_when_nobody_can_come(place: Any) -> None:
    web = place.run("web", "none")
    brief = place.python("brief", f"container:{web.id}", "pass")
    docker.wait(place.engine, brief.id, 10)
    with place.recorder() as (recorder, _):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        any_of = LISTENER | {"port": 0, "address": "", "container": brief.id}
        began = time.monotonic()
        assert wait(recorder, any_of, 20)["ended"] == [any_of]
        assert wait(recorder, LISTENER, 0.1)["missing"] == [LISTENER]
        server = place.python("server", f"container:{web.id}", SERVER)
        any_of["container"] = server.id
        assert wait(recorder, any_of, 10)["seen"] == [any_of]
        docker.remove_container(place.engine, server.id)
        docker.kill(place.engine, web.id)
        assert wait(recorder, LISTENER, 20)["ended"] == [LISTENER]
        assert time.monotonic() - began < 15


def test_an_interface_that_comes_later_is_captured_under_its_name(place: Any, evidence: Fetch) -> None:
    first, second = place.network(2), place.network(3)
    web, user = place.run("web", first.name), place.run("user", second.name)
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        docker.connect_network(place.engine, second.id, web.id, None, ())
        place.python("server", f"container:{web.id}", SERVER)
        wait(recorder, LISTENER, 10)
        request(place, user, dict(docker.inspect(place.engine, web.id).addresses)[second.name])
        recorder.ask("detach", case="one")
        folder = evidence(made, "one")
    names = [each.data for each in interface_options(folder, "web") if each.code == 2]
    assert names == [b"lo", b"eth0", b"eth1"]
    assert syns(folder, "web") == 1
    states = [each for each in lines(folder, "kernel") if each["event"] == "state" and each["new_state"] == "ESTABLISHED"]
    assert any(each["local"][0].startswith("10.213.3.") for each in states)


def interface_options(folder: Path, namespace: str) -> list[Any]:
    raw = (folder / f"packets/{namespace}.pcapng").read_bytes()
    found, place = [], 0
    while place < len(raw):
        kind, length = struct.unpack_from("<II", raw, place)
        if kind == 1:
            found += dpkt.pcapng.InterfaceDescriptionBlockLE(raw[place : place + length]).opts
        place += length
    return found


def test_on_the_host_only_the_given_ports_are_seen(place: Any, evidence: Fetch) -> None:
    net = place.network(4, internal=False)
    web = place.run("web", net.name, ports=(docker.PortSpec(8080),))
    (published,) = {port for inner, _, _, port in docker.inspect(place.engine, web.id).ports if inner == 8080}
    with place.recorder() as (recorder, made), socket.create_server(("127.0.0.1", 0)) as foreign:
        recorder.ready(20)
        host = {"interfaces": ["lo", f"br-{net.id[:12]}"], "ports": [published, 8080]}
        recorder.ask("attach", case="one", namespaces=named(web=web), host=host)
        place.python("server", f"container:{web.id}", SERVER)
        wait(recorder, LISTENER, 10)
        with socket.create_connection(foreign.getsockname()) as nobody:
            nobody.sendall(b"not for the recorder")
        with socket.create_connection(("127.0.0.1", published), timeout=5) as opened:
            opened.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert opened.recv(100).startswith(b"HTTP/1.1 200")
            recorder.ask("look", case="one", label="probe")
        recorder.ask("detach", case="one")
        folder = evidence(made, "one")
    ports = [{each.sport, each.dport} for _, each in segments(folder, "host")]
    assert ports
    assert all(each & {published, 8080} for each in ports)
    rows = [each for each in lines(folder, "sockets") if each["namespace"] == "host"]
    assert [each["state"] for each in rows if each["local"] == ["127.0.0.1", published]][:1] == ["LISTEN"]
    names = {each["name"] for each in lines(folder, "processes") if each["namespace"] == "host"}
    assert "docker-proxy" in names
    accepts = [each for each in lines(folder, "kernel") if each["event"] == "accept"]
    assert {each["namespace"] for each in accepts} == {"host", "web"}


def test_a_busy_second_loses_nothing(place: Any, evidence: Fetch) -> None:
    web = place.run("web", "none")
    count = 1000
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        place.python("server", f"container:{web.id}", SERVER)
        wait(recorder, LISTENER, 10)
        request(place, web, "127.0.0.1", count)
        done = recorder.ask("detach", case="one")
        folder = evidence(made, "one")
    assert (done["packets_lost"], done["kernel_lost"]) == ({"web": 0}, 0)
    assert syns(folder, "web") == count
    events = [each["event"] for each in lines(folder, "kernel") if each.get("transport", "tcp") == "tcp"]
    assert events.count("accept") == count
    assert events.count("write") == 2 * count


INSTANCES = "/sys/kernel/tracing/instances"


def test_events_that_had_no_room_are_counted_and_become_a_gap(place: Any) -> None:
    web = place.run("web", "none")
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
        place.python("server", f"container:{web.id}", SERVER)
        wait(recorder, LISTENER, 10)
        shrink(place, made)
        place.engine.api.pause(made)
        request(place, web, "127.0.0.1", 300)
        place.engine.api.unpause(made)
        done = recorder.ask("detach", case="one")
    assert done["kernel_lost"] > 0
    standing: Any = SimpleNamespace(bench=SimpleNamespace(facts={}), attached=True)
    (gap,) = collecting._gaps(standing, done)
    assert (gap.witness, gap.why) == ("kernel", f"{done['kernel_lost']} events were lost")


def shrink(place: Any, recorder: str) -> None:
    """Make the trace buffer of this recorder hold next to nothing. Its own pid is in its instance's name."""
    pid = docker.inspect(place.engine, recorder).pid
    program = f"import glob; [open(each, 'w').write('4') for each in glob.glob('{INSTANCES}/lab-*-{pid}-*/buffer_size_kb')]"
    code, said = docker.exec_in(place.engine, recorder, ("python3", "-c", program))
    assert code == 0, said


@pytest.mark.parametrize("missing", RECORDER_CAPABILITIES)
def test_each_capability_is_needed(place: Any, missing: str) -> None:
    """The control to `test_a_request_is_seen_by_all_four_witnesses`, which has exactly these."""
    web = place.run("web", "none", user="10001:10001")
    server = place.python("server", f"container:{web.id}", SERVER, user="10001:10001")
    kept = tuple(each for each in RECORDER_CAPABILITIES if each != missing)
    with place.recorder(kept) as (recorder, _):
        ready = recorder.ready(20)
        refused = [name for name, each in ready["witnesses"].items() if not each["available"]]
        for name in refused:
            assert ready["witnesses"][name]["why"]
        try:
            recorder.ask("attach", case="one", namespaces=named(web=web), host=None)
            wait(recorder, LISTENER, 5)
            recorder.ask("signal", case="one", container=server.id, process="all", signal="STOP")
        except AgentError as error:
            refused.append(error.kind)
    assert refused


def test_nothing_stays_behind(place: Any) -> None:
    """Each recorder removes its trace instance, and those of recorders that were killed."""
    look = "import os; print(*os.listdir('/sys/kernel/tracing/instances'))"

    def instances(made: str) -> set[str]:
        code, said = docker.exec_in(place.engine, made, ("python3", "-c", look))
        assert code == 0, said
        return {each for each in said.split() if each.startswith("lab-")}

    with place.recorder() as (recorder, killed):
        recorder.ready(20)
        before = instances(killed)
        docker.kill(place.engine, killed)
    with place.recorder() as (recorder, made):
        recorder.ready(20)
        with place.recorder() as (second, _):
            second.ready(20)
            both = instances(made)
        after = instances(made)
    assert len(both) >= 2
    assert len(both - after) == 1
    assert not before <= after

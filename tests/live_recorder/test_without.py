"""The recorder on a host that refuses it the kernel's trace buffer, and ptrace too: what it then sees, says and leaves."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.engine import docker
from lab.engine.errors import AgentError
from lab.engine.folder import read_observations
from tests.live_recorder.test_staging import Stage, kernel, stage

pytestmark = pytest.mark.docker

Fetch = Callable[[str, str], Path]

DATAGRAMS = """
import socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("0.0.0.0", 8080))
while True:
    data, peer = here.recvfrom(2048)
    here.sendto(b"+" + data, peer)
"""
DATAGRAM = """
import socket, sys
here = socket.socket(type=socket.SOCK_DGRAM)
here.connect((sys.argv[1], 8080))
here.send(b"abc")
print(here.getsockname()[1], here.recv(9))
"""
FORWARDER = """
import socket, os
inner = socket.create_server(("127.0.0.1", 3000))
if os.fork() == 0:
    while True:
        taken, _ = inner.accept()
        while data := taken.recv(65536):
            taken.sendall(b"-" + data)
outer = socket.create_server(("0.0.0.0", 8080))
while True:
    taken, _ = outer.accept()
    on = socket.create_connection(("127.0.0.1", 3000))
    while data := taken.recv(65536):
        on.sendall(data)
        taken.sendall(b"+" + on.recv(65536))
"""
"""Two processes: one takes connections and hands what comes on to the other."""


@pytest.mark.parametrize("told", [True, False], ids=["forbidden by word and by the kernel", "forbidden by the kernel alone"])
@pytest.mark.parametrize(
    ("without", "available", "begins"),
    [((), True, "tracefs: "), (("kernel",), True, "strace: "), (("kernel", "ptrace"), False, "tracefs, strace")],
)
def test_the_ready_line_says_what_is_left_and_why(
    place: Any, without: tuple[str, ...], begins: str, *, available: bool, told: bool
) -> None:
    with place.recorder(without=without, told=told) as (recorder, _):
        witnesses = recorder.ready(20)["witnesses"]
    assert witnesses["kernel"]["available"] is available
    assert witnesses["kernel"]["how"].startswith(begins)
    assert all(witnesses[name]["available"] for name in ("packets", "sockets", "processes"))
    why = witnesses["kernel"]["why"]
    wanted = "LAB_WITHOUT" if told else "[Oo]peration not permitted"
    assert len(re.findall(wanted, why)) >= len(without), why


def test_strace_sees_accepts_and_reads_with_their_ends(place: Any, evidence: Fetch) -> None:
    with stage(place, without=("kernel",)) as at:
        local = at.connect()
        at.client.ask("send", "x", 10)
        assert at.client.ask("recv", 100, 5) == "+" + "x" * 10
        done = at.ask("detach")
        folder = evidence(at.made, "one")
    assert (done["kernel_lost"], done["kernel_gaps"]) == (0, [])
    (accept,) = kernel(folder, "accept")
    (read,) = [each for each in kernel(folder, "read") if each["size"] == 10]
    (write,) = [each for each in kernel(folder, "write") if each["size"] == 11 and each["namespace"] == "web"]
    assert {each["pid"] for each in (accept, read, write)} == {at.server.pid}
    assert accept["socket"] == read["socket"] == write["socket"] < 0
    for each in (accept, read, write):
        assert (each["local"], each["peer"]) == ([at.address, 8080], local)
    assert accept["time_ns"] < read["time_ns"] < write["time_ns"]
    assert abs(read["time_ns"] - time.time_ns()) < 60e9
    known = {each["pid"] for each in map(json.loads, (folder / "processes.jsonl").read_text().splitlines())}
    assert at.server.pid in known
    (folder / "inventory.json").write_text('{"namespaces": [], "containers": []}')
    assert read_observations(folder).kernel


def test_strace_names_the_initiator_and_the_child_that_was_born_before(place: Any, evidence: Fetch) -> None:
    with stage(place, FORWARDER, without=("kernel",)) as at:
        at.connect()
        at.client.ask("send", "x", 10)
        assert at.client.ask("recv", 100, 5) == "+-" + "x" * 10
        at.ask("detach")
        folder = evidence(at.made, "one")
    (connect,) = [each for each in kernel(folder, "connect") if each["peer"] == ["127.0.0.1", 3000]]
    assert connect["pid"] == at.server.pid
    inner = next(each for each in kernel(folder, "accept") if each["local"] == ["127.0.0.1", 3000])
    assert inner["peer"] == connect["local"]
    assert inner["pid"] != at.server.pid
    reads = [each for each in kernel(folder, "read") if each["socket"] == inner["socket"] and each["size"] > 0]
    assert [(each["pid"], each["size"]) for each in reads] == [(inner["pid"], 10)]


def test_strace_sees_datagrams_with_their_ends(place: Any, evidence: Fetch) -> None:
    with stage(place, DATAGRAMS, without=("kernel",), transport="udp") as at:
        code, said = docker.exec_in(place.engine, at.client.facts.id, ("python3", "-c", DATAGRAM, at.address))
        assert code == 0
        at.ask("detach")
        folder = evidence(at.made, "one")
    (read,) = [each for each in kernel(folder, "read") if each["transport"] == "udp" and each["local"][1] == 8080]
    assert (read["size"], read["pid"]) == (3, at.server.pid)
    assert read["peer"][1] == int(said.split()[0])
    (write,) = [each for each in kernel(folder, "write") if each["transport"] == "udp" and each["local"][1] == 8080]
    assert (write["size"], write["socket"], write["peer"]) == (4, read["socket"], read["peer"])


def test_stopping_and_stillness_hold_under_strace(place: Any) -> None:
    with stage(place, without=("kernel",)) as at:
        at.ask("signal", container=at.server.id, process="all", signal="STOP")
        local = at.connect()
        at.client.ask("send", "x", 10)
        assert at.wait_for("unread", local) == {"seen": True}
        assert at.settle() == {"settled": True}
        assert at.wait_for("accepted", local, 0.3)["seen"] is False
        at.ask("signal", container=at.server.id, process="all", signal="CONT")
        assert at.client.ask("recv", 100, 5) == "+" + "x" * 10
        at.ask("signal", container=at.server.id, process="all", signal="KILL")
        assert at.wait_for("closed", local) == {"seen": True}


def test_control_without_either_witness_nothing_of_the_kernel_is_told(place: Any, evidence: Fetch) -> None:
    with stage(place, without=("kernel", "ptrace")) as at:
        local = at.connect()
        at.client.ask("send", "x", 10)
        assert at.wait_for("read", local) == {"seen": True}
        done = at.ask("detach")
        folder = evidence(at.made, "one")
    assert done["kernel_events"] == 0
    assert (folder / "kernel.jsonl").read_text() == ""


def test_the_loss_of_strace_is_told(place: Any) -> None:
    with stage(place, without=("kernel",)) as at:
        for pid in tracers(at):
            kill(place, at, pid)
        local = at.connect()
        at.client.ask("send", "x", 10)
        assert at.wait_for("read", local) == {"seen": True}
        done = at.ask("detach")
    assert any(each.startswith("strace ended while process") for each in done["kernel_gaps"]), done


def test_traced_processes_outlive_the_recorder_and_strace_does_not(place: Any) -> None:
    with stage(place, without=("kernel",)) as at:
        found = tracers(at)
        assert found
        at.connect()
        docker.kill(place.engine, at.made)
        docker.wait(place.engine, at.made, 10)
        at.client.ask("send", "x", 10)
        assert at.client.ask("recv", 100, 5) == "+" + "x" * 10
        assert not [pid for pid in found if Path(f"/proc/{pid}").exists()]
        with pytest.raises(AgentError):
            at.ask("detach")


def test_strace_is_no_process_of_the_case(place: Any, evidence: Fetch) -> None:
    with stage(place, without=("kernel",)) as at:
        at.connect()
        at.ask("look", label="here")
        at.ask("detach")
        folder = evidence(at.made, "one")
    names = {json.loads(line)["name"] for line in (folder / "processes.jsonl").read_text().splitlines()}
    assert not names & {"strace", "nsenter", "setpriv"}


def tracers(at: Stage) -> set[int]:
    """Who traces the server's threads, as this machine's /proc shows it."""
    text = "".join(path.read_text() for path in Path(f"/proc/{at.server.pid}/task").glob("*/status"))
    return {int(pid) for pid in re.findall(r"^TracerPid:\t(\d+)$", text, re.MULTILINE)} - {0}


def kill(place: Any, at: Stage, pid: int) -> None:
    """End one strace of ours, from within the recorder's container."""
    name = Path(f"/proc/{pid}/comm").read_text().strip()
    assert name == "strace"
    code, said = docker.exec_in(place.engine, at.made, ("python3", "-c", f"import os; os.kill({pid}, 9)"))
    assert code == 0, said

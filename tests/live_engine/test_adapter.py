"""The adapter against a real engine: the contract first, then what only a running container shows."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

import pytest

from lab.engine import agent as agents
from lab.engine import docker as engine
from lab.engine import labels, subnets
from lab.engine.docker import ArchiveFile, ContainerSpec, Death, Docker, Mount, PortSpec
from lab.engine.errors import AgentError, MachineError
from tests.engine.engine_contract import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = (
    'echo "{\\"ready\\": {\\"protocol\\": 1}}"; echo "I am here" >&2; '
    "while read -r line; do "
    "n=${line#*:}; n=${n%%,*}; "
    'case $line in *die*) echo "I die" >&2; exit 3;; *) echo "{\\"id\\": $n, \\"ok\\": {\\"n\\": $n}}";; esac; '
    "done"
)


def spec(run: labels.Run, image: str, name: str, *words: str, **more: object) -> ContainerSpec:
    mark = labels.run_labels(run, "test")
    return ContainerSpec(labels.object_name(run, "", name), image, mark, words or ("sleep", "60"), **more)  # type: ignore[arg-type]


def test_a_real_engine_keeps_the_contract(docker: Docker, base: str, run: labels.Run) -> None:
    holds(docker, base, run)


@pytest.fixture
def network(docker: Docker, run: labels.Run) -> Iterator[str]:
    wish = subnets.Wish(labels.object_name(run, "", "net"), labels.run_labels(run, "network"), None, internal=False)
    return subnets.make_network(docker, wish).name


def test_files_are_there_before_the_start_with_owner_and_mode(docker: Docker, base: str, run: labels.Run) -> None:
    mount = Mount("/etc/lab", labels=labels.run_labels(run, "files"))
    one = engine.create_container(docker, spec(run, base, "files", mounts=(mount,)))
    key = ArchiveFile("/etc/lab/tls/8443.key", b"key", 0o600, 10001, 10001)
    engine.put_files(docker, one, "/etc/lab", [key, ArchiveFile("proxy.conf", b"conf")])
    engine.start(docker, one)
    code, text = engine.exec_in(docker, one, ("stat", "-c", "%a %u %g", "/etc/lab/tls/8443.key", "/etc/lab/proxy.conf"))
    assert (code, text.splitlines()) == (0, ["600 10001 10001", "644 0 0"])
    assert engine.get_archive(docker, one, "/etc/lab/tls") == {"tls/8443.key": b"key"}
    engine.remove_container(docker, one)
    assert engine.volumes(docker, {labels.RUN: run.id}) == ()


def test_the_least_is_the_default(docker: Docker, base: str, run: labels.Run) -> None:
    one = engine.create_container(docker, spec(run, base, "least"))
    engine.start(docker, one)
    code, status = engine.exec_in(docker, one, ("cat", "/proc/1/status"))
    rows = dict(row.split(":\t", 1) for row in status.splitlines() if ":\t" in row)
    assert code == 0
    assert [int(rows[row], 16) for row in ("CapEff", "CapPrm", "CapBnd")] == [0, 0, 0]
    assert rows["NoNewPrivs"] == "1"
    assert engine.exec_in(docker, one, ("touch", "/x"))[0] != 0


def test_who_joins_a_namespace_shares_its_address(docker: Docker, base: str, run: labels.Run, network: str) -> None:
    port = PortSpec(8080)
    holder = engine.create_container(docker, spec(run, base, "holder", network=network, aliases=("web",), ports=(port,)))
    engine.start(docker, holder)
    joined = engine.create_container(docker, spec(run, base, "joined", network=f"container:{holder}"))
    engine.start(docker, joined)
    facts = engine.inspect(docker, holder)
    (where,) = facts.ports
    assert where[:3] == (8080, "tcp", "127.0.0.1")
    assert where[3] > 0
    hosts = [engine.exec_in(docker, one, ("cat", "/proc/net/fib_trie"))[1] for one in (holder, joined)]
    address = dict(facts.addresses)[network]
    assert all(address in text for text in hosts)


def test_an_executable_that_is_not_there_is_an_error_in_words(docker: Docker, base: str, run: labels.Run) -> None:
    one = engine.create_container(docker, spec(run, base, "bad", "/no/such/program"))
    with pytest.raises(MachineError, match="no such file or directory"):
        engine.start(docker, one)


def test_logs_carry_times_and_both_outputs(docker: Docker, base: str, run: labels.Run) -> None:
    one = engine.create_container(docker, spec(run, base, "talk", "sh", "-c", "echo out; echo err >&2; exit 4"))
    engine.start(docker, one)
    assert engine.wait(docker, one, 10) == 4
    lines = sorted(line.split(" ", 1)[1] for line in engine.logs(docker, one))
    assert lines == ["err", "out"]
    assert list(engine.follow_logs(docker, one)) == list(engine.logs(docker, one))


def test_deaths_are_told_with_their_exit_code(docker: Docker, base: str, run: labels.Run) -> None:
    seen: list[Death] = []
    told, lost = threading.Event(), threading.Event()

    def take(death: Death) -> None:
        seen.append(death)
        told.set()

    watch = engine.watch_deaths(docker, {labels.RUN: run.id}, take, lambda _: lost.set())
    one = engine.create_container(docker, spec(run, base, "dies", "sh", "-c", "exit 7"))
    engine.start(docker, one)
    assert told.wait(10)
    watch.close()
    assert [(death.id, death.exit_code) for death in seen] == [(one, 7)]
    assert not lost.is_set()


def test_an_agent_is_heard_from_its_first_line_to_its_last(docker: Docker, base: str, run: labels.Run) -> None:
    one = engine.create_container(docker, spec(run, base, "agent", "bash", "-c", AGENT, stdin_open=True))
    with agents.over(engine.attach(docker, one), "the agent") as agent:
        engine.start(docker, one)
        assert agent.ready(10) == {"protocol": 1}
        assert [agent.ask("look", 5)["n"] for _ in range(3)] == [1, 2, 3]
        with pytest.raises(AgentError) as caught:
            agent.ask("die", 5)
        assert caught.value.lines == ("I am here", "I die")
    assert engine.wait(docker, one, 10) == 3


def test_the_end_of_our_side_ends_the_agent(docker: Docker, base: str, run: labels.Run) -> None:
    one = engine.create_container(docker, spec(run, base, "agent", "bash", "-c", AGENT, stdin_open=True))
    agent = agents.over(engine.attach(docker, one), "the agent")
    engine.start(docker, one)
    agent.ready(10)
    agent.close()
    assert engine.wait(docker, one, 10) == 0


def test_the_fixed_subnet_of_a_live_run_is_waited_for(docker: Docker, run: labels.Run) -> None:
    mark = labels.run_labels(run, "network")
    fixed = "10.214.9.0/28"
    first = subnets.make_network(docker, subnets.Wish(f"{run.id}-a", mark, fixed, internal=True))
    said: list[str] = []
    waiting = threading.Event()

    class Notes(subnets.Silent):
        def note(self, text: str) -> None:
            said.append(text)
            waiting.set()

    got: list[str] = []
    thread = threading.Thread(
        target=lambda: got.append(
            subnets.make_network(docker, subnets.Wish(f"{run.id}-b", mark, fixed, internal=True), Notes(), 20).name
        )
    )
    thread.start()
    assert waiting.wait(10)
    engine.remove_network(docker, first.id)
    thread.join(20)
    assert got == [f"{run.id}-b"]
    assert len(said) == 1


def test_json_of_any_size_comes_through_whole(docker: Docker, base: str, run: labels.Run) -> None:
    """Over a pipe of 64 kB, in many frames."""
    program = 'printf \'{"ready": "\'; head -c 3000000 /dev/zero | tr "\\0" x; echo \'"}\'; cat >/dev/null'
    one = engine.create_container(docker, spec(run, base, "big", "bash", "-c", program, stdin_open=True))
    with agents.over(engine.attach(docker, one), "the agent") as agent:
        engine.start(docker, one)
        assert json.dumps(agent.ready(20)) == json.dumps("x" * 3_000_000)

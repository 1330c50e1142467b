"""A network's subnet meets nobody's."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.engine import docker as engine
from lab.engine import labels, subnets
from lab.engine.docker import Docker, NetworkSpec
from lab.engine.docker.fake import FakeApi, fake_docker
from lab.engine.errors import MachineError
from lab.engine.subnets import Wish, candidate_subnets, first_free, make_network, read_routes

RUN = labels.Run("r", labels.this_process())
DEAD = labels.Run("d", replace(RUN.owner, start="1"))


def _wish(name: str, subnet: str | None = None) -> Wish:
    return Wish(name, labels.run_labels(RUN, "network"), subnet, internal=True)


def _there(docker: Docker, name: str, subnet: str, mark: dict[str, str]) -> None:
    gateway = str(IPv4Network(subnet)[1])
    engine.create_network(docker, NetworkSpec(name, mark, subnet, gateway, internal=False))


def test_the_routes_of_the_kernel_are_read_without_the_default_one() -> None:
    text = (
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
        "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
        "tun0\t0000D50A\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
    )
    assert read_routes(text) == (IPv4Network("192.0.2.0/24"), IPv4Network("10.213.0.0/16"))


def test_every_subnet_of_the_pool_is_a_candidate_once() -> None:
    found = list(candidate_subnets("any"))
    assert len(found) == len(set(found)) == 4096
    assert all(one.subnet_of(subnets.POOL) for one in found)
    assert found != list(candidate_subnets("other"))


@settings(max_examples=25)
@given(st.lists(st.integers(0, 4095), max_size=40), st.integers(0, 32))
def test_what_is_free_overlaps_nothing_taken(numbers: list[int], width: int) -> None:
    base = int(subnets.POOL.network_address)
    taken = [IPv4Network((base + (n << 4), 28)) for n in numbers]
    taken += [IPv4Network("10.213.0.0/16").supernet(new_prefix=width)] if width < 16 else []
    found = first_free(candidate_subnets("x"), taken)
    if width < 16:
        assert found is None
    else:
        assert found is not None
        assert not any(found.overlaps(one) for one in taken)


def test_forty_networks_of_others_do_not_matter() -> None:
    docker = fake_docker()
    for number in range(40):
        _there(docker, f"other{number}", f"172.{16 + number // 16}.{number % 16 * 16}.0/20", {})
    assert make_network(docker, _wish("mine")).subnets[0].startswith("10.213.")


def test_who_loses_a_race_takes_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = fake_docker()
    first = next(candidate_subnets("mine"))
    real, lost = FakeApi.create_network, []

    def raced(self: FakeApi, name: str, **settings: object) -> object:
        if not lost:
            lost.append(name)
            real(self, "winner", **{**settings, "labels": {}})
        return real(self, name, **settings)

    monkeypatch.setattr(FakeApi, "create_network", raced)
    got = make_network(docker, _wish("mine")).subnets[0]
    assert lost
    assert not IPv4Network(got).overlaps(first)


def test_a_full_pool_is_an_error_with_a_next_move() -> None:
    docker = fake_docker()
    _there(docker, "greedy", "10.213.0.0/16", {})
    with pytest.raises(MachineError, match="no free subnet") as caught:
        make_network(docker, _wish("mine"))
    assert "lab clean" in caught.value.next_move


def test_a_fixed_subnet_is_given_when_it_is_free() -> None:
    found = make_network(fake_docker(), _wish("mine", "10.0.1.0/24"))
    assert (found.subnets, found.gateway) == (("10.0.1.0/24",), "10.0.1.1")


@pytest.mark.parametrize(
    ("mark", "words"),
    [({}, "not the lab's"), (labels.run_labels(DEAD, "network"), "run that has ended")],
)
def test_a_fixed_subnet_of_somebody_else_is_an_error_that_names_it(mark: dict[str, str], words: str) -> None:
    docker = fake_docker()
    _there(docker, "theirs", "10.0.0.0/16", mark)
    with pytest.raises(MachineError, match=words) as caught:
        make_network(docker, _wish("mine", "10.0.1.0/24"))
    assert "theirs" in caught.value.text
    assert caught.value.next_move


def test_a_fixed_subnet_that_is_a_route_of_this_machine_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = replace(fake_docker(), local=True)
    monkeypatch.setattr(subnets, "host_routes", lambda: (IPv4Network("10.0.0.0/8"),))
    monkeypatch.setattr(subnets, "UNLISTED", 0.0)
    monkeypatch.setattr(engine, "wait_for_network_end", lambda *_: False)
    with pytest.raises(MachineError, match=r"route to 10\.0\.0\.0/8"):
        make_network(docker, _wish("mine", "10.0.1.0/24"))


def test_a_bridge_that_stands_before_its_network_is_listed_is_no_strangers_route(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = replace(fake_docker(), local=True)
    routes = [IPv4Network("10.0.1.0/24")]
    monkeypatch.setattr(subnets, "host_routes", lambda: tuple(routes))

    def passes(_: Docker, timeout: float) -> bool:
        assert timeout > 0
        if engine.networks(docker):
            engine.remove_network(docker, "theirs")
            routes.clear()
        else:
            _there(docker, "theirs", "10.0.1.0/24", labels.run_labels(RUN, "network"))
        return True

    monkeypatch.setattr(engine, "wait_for_network_end", passes)
    assert make_network(docker, _wish("mine", "10.0.1.0/24")).subnets == ("10.0.1.0/24",)


def test_a_live_run_is_waited_for_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    docker, said = fake_docker(), []
    _there(docker, "theirs", "10.0.1.0/24", labels.run_labels(RUN, "network"))

    def ends(_: Docker, timeout: float) -> bool:
        assert timeout > 0
        engine.remove_network(docker, "theirs")
        return True

    monkeypatch.setattr(engine, "wait_for_network_end", ends)
    progress = subnets.Silent()
    monkeypatch.setattr(progress, "note", said.append)
    assert make_network(docker, _wish("mine", "10.0.1.0/24"), progress).name == "mine"
    assert said == ["waiting for the subnet 10.0.1.0/24: another run of the lab uses it (theirs)"]


def test_waiting_has_an_end() -> None:
    docker = fake_docker()
    _there(docker, "theirs", "10.0.1.0/24", labels.run_labels(RUN, "network"))
    with pytest.raises(MachineError, match="the live run of process"):
        make_network(docker, _wish("mine", "10.0.1.0/24"), patience=-1)

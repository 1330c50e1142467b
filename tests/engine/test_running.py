"""Parts of carrying out a plan that need no engine: deaths, targets, what the inventory says."""

from __future__ import annotations

import pytest

from lab.engine.bench import Deaths
from lab.engine.docker import Death
from lab.engine.errors import MachineError
from lab.engine.folder import nanoseconds
from lab.engine.pki import Authority
from lab.model.plan import PlannedContainer, PlannedLeaf


def death(of: str) -> Death:
    return Death(of, f"lab-{of}", 1, 0)


def test_a_death_is_told_to_who_waits_for_it_and_to_nobody_else() -> None:
    deaths = Deaths()
    mine, other = deaths.first_of(["a"]), deaths.first_of(["b"])
    deaths.tell(death("a"))
    assert mine.result(0).id == "a"
    assert not other.done()


def test_a_death_before_the_waiting_is_not_missed() -> None:
    deaths = Deaths()
    deaths.tell(death("a"))
    assert deaths.first_of(["a", "b"]).result(0).id == "a"


def test_an_engine_that_goes_away_ends_all_waiting() -> None:
    deaths = Deaths()
    before = deaths.first_of(["a"])
    deaths.lose(MachineError("gone"))
    for future in (before, deaths.first_of(["b"])):
        with pytest.raises(MachineError, match="gone"):
            future.result(0)


def test_the_engines_time_stamp_to_the_nanosecond() -> None:
    assert nanoseconds("1970-01-01T00:00:01.000000002Z") == 1_000_000_002
    assert nanoseconds("1970-01-01T00:00:01.5Z") == 1_500_000_000
    assert nanoseconds("not a time") == 0


def container(*leaves: PlannedLeaf, needs_ca: bool = False) -> PlannedContainer:
    return PlannedContainer("proxy", "web", "nginx", False, (), (), (), leaves, needs_ca, (), "10001:10001", True, ())


def test_keys_are_secret_and_certificates_are_not() -> None:
    placed, seen = Authority().files(container(PlannedLeaf("8443", "proxy", ("shop.example",))))
    assert {one.path.rpartition(".")[2]: one.secret for one in placed} == {"crt": False, "key": True, "pem": True}
    assert [one.path for one in placed if one.secret] == ["/etc/lab/tls/8443.key", "/etc/lab/tls/8443.pem"]
    assert seen[0].container == "proxy"
    assert "PRIVATE" not in repr(placed)


def test_every_leaf_is_its_own_and_a_container_without_tls_gets_nothing() -> None:
    authority = Authority()
    one = authority.files(container(PlannedLeaf("1", "proxy", ("a.example",))))[1][0]
    other = authority.files(container(PlannedLeaf("1", "proxy", ("a.example",))))[1][0]
    assert one.sha256 != other.sha256
    assert authority.files(container()) == ([], [])
    assert [file.path for file in authority.files(container(needs_ca=True))[0]] == ["/etc/lab/tls/ca.crt"]

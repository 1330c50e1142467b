"""Names stay in the engine's alphabet, and an owner is read back as it was written."""

from __future__ import annotations

import os
import re
import signal
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.engine import labels

RUN = labels.Run("20260314-150926-3f9a", labels.this_process())


def test_an_owner_is_read_back_as_written() -> None:
    assert labels.read_owner(str(RUN.owner)) == RUN.owner


@pytest.mark.parametrize("text", ["", "pid=x start=1 boot=b host=h pids=1", "pid=1", "anything else"])
def test_what_is_no_owner_is_none(text: str) -> None:
    assert labels.read_owner(text) is None


def test_we_are_alive_and_a_reused_pid_is_not_us() -> None:
    assert not labels.is_dead(RUN.owner)
    assert labels.is_dead(replace(RUN.owner, start="1"))


def test_a_process_that_has_ended_is_dead() -> None:
    child = os.posix_spawn("/bin/true", ["true"], {})
    os.waitpid(child, 0)
    assert labels.is_dead(replace(RUN.owner, pid=child))


def test_a_process_that_is_hidden_from_us_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """As /proc with hidepid shows it: nothing there, and still a process."""
    child = os.posix_spawn("/bin/sleep", ["sleep", "60"], {})
    owner = replace(RUN.owner, pid=child, start=labels._start(child))
    monkeypatch.setattr(labels, "_start", lambda _: "")
    assert not labels.is_dead(owner)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert labels.is_dead(owner)


def test_two_machines_of_one_name_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels.Path, "read_text", lambda _, __: "0123456789abcdef\n")
    one = labels._machine()
    monkeypatch.setattr(labels.Path, "read_text", lambda _, __: "f" * 32)
    assert labels._machine() != one
    assert one.endswith(".01234567")
    assert not labels.is_dead(replace(RUN.owner, host=one, boot="another"))
    assert labels.is_dead(replace(RUN.owner, boot="another")), "the same machine, before it was started anew"


@given(st.text(max_size=80), st.text(max_size=300))
def test_every_name_is_one_that_the_engine_takes(case: str, name: str) -> None:
    made = labels.object_name(RUN, case, name)
    assert re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+", made)
    assert len(made) <= labels.NAME_LIMIT
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]*", labels.project(RUN, case))


def test_names_that_are_cut_stay_apart() -> None:
    assert labels.object_name(RUN, "x" * 300, "a") != labels.object_name(RUN, "x" * 300, "b")


def test_a_case_carries_compose_labels_beside_ours() -> None:
    made = labels.case_labels(RUN, "s", "s~t", "server", "web") | labels.compose_service(RUN, "s~t", "web", "x")
    assert made["lab.case"] == "s~t"
    assert made["com.docker.compose.project"] == "lab-20260314-150926-3f9a-s_t"
    assert made["com.docker.compose.service"] == made["lab.name"] == "web"


def test_two_runs_of_one_second_differ() -> None:
    assert labels.new_run("t").id != labels.new_run("t").id

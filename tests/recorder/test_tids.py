"""From a thread to its process: by /proc while it lives, by its birth when it is gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from recorder import tids

if TYPE_CHECKING:
    import pytest

GONE = 2**22 + 5
"""Above the largest pid that a kernel gives (PID_MAX_LIMIT)."""


def test_a_living_thread_is_named_by_proc() -> None:
    assert tids.owner(tids.Memory(), os.getpid()).pid == os.getpid()


def test_a_thread_that_is_gone_belongs_to_its_makers_process() -> None:
    memory = tids.Memory()
    assert tids.owner(memory, GONE) == tids.Owner(GONE, None)
    tids.birth(memory, os.getpid(), GONE, tids.CLONE_THREAD)
    assert tids.owner(memory, GONE) == tids.owner(memory, os.getpid())


def test_a_process_that_is_gone_keeps_its_number_and_has_its_makers_namespace() -> None:
    memory = tids.Memory()
    tids.birth(memory, os.getpid(), GONE, 0)
    assert tids.owner(memory, GONE) == tids.Owner(GONE, tids.owner(memory, os.getpid()).inode)


def test_a_process_made_with_a_new_namespace_has_none_that_we_know() -> None:
    memory = tids.Memory()
    tids.birth(memory, os.getpid(), GONE, tids.CLONE_NEWNET)
    assert tids.owner(memory, GONE).inode is None


def test_a_thread_of_a_thread_that_is_gone_too() -> None:
    memory = tids.Memory()
    tids.birth(memory, os.getpid(), GONE, tids.CLONE_THREAD)
    tids.birth(memory, GONE, GONE + 1, tids.CLONE_THREAD)
    assert tids.owner(memory, GONE + 1).pid == os.getpid()


def test_a_process_born_on_the_host_may_have_moved_before_it_ended() -> None:
    here = tids.owner(tids.Memory(), os.getpid()).inode
    memory = tids.Memory(host=here)
    tids.birth(memory, os.getpid(), GONE, 0)
    tids.birth(memory, os.getpid(), GONE + 1, tids.CLONE_THREAD)
    assert tids.owner(memory, GONE) == tids.Owner(GONE, None)
    assert tids.owner(memory, GONE + 1).inode == here


def test_a_process_that_ended_while_its_events_waited_is_still_what_it_was() -> None:
    memory = tids.Memory()
    was = tids.Owner(GONE, 42, 7)
    memory.known[GONE] = was, -1e9
    assert tids.owner(memory, GONE) == was


def test_control_a_number_used_again_is_another_process() -> None:
    memory = tids.Memory()
    memory.known[os.getpid()] = tids.Owner(1, 42, -7), -1e9
    assert tids.owner(memory, os.getpid()).pid == os.getpid()


def test_the_dead_are_looked_up_once_and_not_at_each_of_their_events(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_up: list[int] = []
    monkeypatch.setattr(tids, "look_up", lambda tid: looked_up.append(tid) or tids.Owner(tid, None))
    memory = tids.Memory()
    assert {tids.owner(memory, GONE) for _ in range(100)} == {tids.Owner(GONE, None)}
    assert looked_up == [GONE]


def test_control_a_birth_ends_what_was_remembered_of_the_dead() -> None:
    memory = tids.Memory()
    assert tids.owner(memory, GONE).inode is None
    tids.birth(memory, os.getpid(), GONE, tids.CLONE_THREAD)
    assert tids.owner(memory, GONE).pid == os.getpid()
    memory.known[GONE] = tids.Owner(GONE, None), -1e9  # long ago
    tids.birth(memory, os.getpid(), GONE, tids.CLONE_THREAD)
    assert tids.owner(memory, GONE).pid == os.getpid()


def test_the_dead_and_the_unborn_are_nobody() -> None:
    assert tids.owner(tids.Memory(), 0) is tids.NOBODY
    assert tids.owner(tids.Memory(), GONE).inode is None

"""Programs of processes that are gone before anybody looks: by their birth and their exec, and not by a thread's name."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from recorder import processes, programs

OWN = Path(sys.executable).resolve().name


@contextmanager
def zombie() -> Iterator[int]:
    """A child that has ended and that nobody has reaped."""
    child = subprocess.Popen(["/bin/sleep", "60"])
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    try:
        yield child.pid
    finally:
        child.wait()


def test_a_zombie_is_not_called_by_its_comm() -> None:
    with zombie() as pid:
        found = processes.read(pid, 7)
    assert found is not None
    assert (found.name, found.command) == ("", ())


def test_a_zombie_that_was_only_born_ran_its_makers_program() -> None:
    with zombie() as pid:
        found = programs.born(programs.Memory(), pid, os.getpid(), 7)
    assert found is not None
    assert (found.pid, found.name) == (pid, OWN)


def test_what_ran_another_program_and_is_gone_has_no_name() -> None:
    memory = programs.Memory()
    with zombie() as pid:
        programs.born(memory, pid, os.getpid(), 7)
        ran = programs.ran(memory, pid, 7)
        assert ran is not None
        assert (ran.pid, ran.name) == (pid, "")
        assert programs.as_it_was(memory, ran).name == ""
    gone = programs.ran(memory, pid, 7)
    assert gone is not None
    assert gone.name == ""


def test_a_zombie_that_was_read_while_it_lived_is_what_it_was() -> None:
    memory = programs.Memory()
    child = subprocess.Popen(["/bin/sleep", "60"])
    alive = programs.ran(memory, child.pid, 7)
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    dead = processes.read(child.pid, 7)
    child.wait()
    assert alive is not None
    assert dead is not None
    assert dead.name == ""
    assert programs.as_it_was(memory, dead).name == alive.name == "sleep"


def test_control_the_living_are_read_as_they_are() -> None:
    memory = programs.Memory()
    found = programs.born(memory, os.getpid(), os.getppid(), 7)
    assert found is not None
    assert found.name == OWN
    assert programs.as_it_was(memory, found) is found
    assert programs.ran(memory, 2**22 + 5, 7) is None

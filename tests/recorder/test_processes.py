"""Processes from /proc: this test's own, and the texts of both cgroup versions."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from recorder import namespaces, processes, tids

ID = "0123456789abcdef" * 4


def test_this_process_is_read_as_it_is() -> None:
    with socket.socket() as held:
        inode = os.fstat(held.fileno()).st_ino
        found = processes.read(os.getpid(), 7)
    assert found is not None
    assert (found.pid, found.parent, found.namespace_inode) == (os.getpid(), os.getppid(), 7)
    assert found.name == Path(sys.executable).resolve().name
    assert found.start == processes.start_time(os.getpid())
    assert inode in found.sockets


def test_control_a_process_that_ended_is_none() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert processes.read(ended.pid, 7) is None
    assert tids.look_up(ended.pid) == tids.Owner(ended.pid, None)


def test_only_the_namespaces_asked_for_are_read() -> None:
    own = namespaces.inode_of_process(os.getpid())
    assert own is not None
    assert os.getpid() in {each.pid for each in processes.in_namespaces({own})}
    assert processes.in_namespaces({1}) == []


def test_a_thread_is_its_process() -> None:
    memory = tids.Memory()
    own = tids.owner(memory, os.getpid())
    assert own.pid == os.getpid()
    assert tids.owner(memory, os.getpid()) is own
    assert tids.owner(memory, 0) is tids.NOBODY


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"0::/system.slice/docker-{ID}.scope\n", f"/system.slice/docker-{ID}.scope"),
        (f"0::/../{ID}\n", f"/../{ID}"),
        (f"9:name=systemd:/\n8:pids:/docker/{ID}\n0::/\n", f"/docker/{ID}"),
        ("9:name=systemd:/\n0::/init.scope\n", "/init.scope"),
        ("", ""),
    ],
)
def test_the_cgroup_path_is_the_one_with_the_container_s_id(text: str, path: str) -> None:
    assert processes.container_path(text) == path


@pytest.mark.parametrize("path", ["/docker/abc", f"/docker/{ID}0", f"/docker/{ID[:-1]}x", "/"])
def test_control_no_other_word_is_an_id(path: str) -> None:
    assert not processes.has_container_id(path)


def test_arguments_may_be_empty_and_no_text() -> None:
    assert processes.command(b"nginx\0-g\0\xff\0") == ("nginx", "-g", "�")
    assert processes.command(b"") == ()

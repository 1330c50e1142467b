"""UNIX sockets as this machine's kernel shows them, with their peers."""

import os
import socket
import struct
from pathlib import Path

import pytest
from recorder import diag, unixes


@pytest.fixture
def rows_of(tmp_path: Path) -> object:
    """A listener, a connection to it, and the rows of the kernel's table by inode."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client, diag.open_here() as source:
        listener.bind(str(tmp_path / "app.sock"))
        listener.listen(1)
        client.connect(str(tmp_path / "app.sock"))
        taken, _ = listener.accept()
        with taken:
            client.send(b"hello")
            found = {row["inode"]: row for row in unixes.table(source)}
            yield {name: found[inode(each)] for name, each in (("listener", listener), ("client", client), ("taken", taken))}


def inode(one: socket.socket) -> int:
    return os.fstat(one.fileno()).st_ino


def test_a_listener_has_its_path(rows_of: dict[str, dict[str, object]], tmp_path: Path) -> None:
    shown = rows_of["listener"]
    assert (shown["state"], shown["kind"], shown["path"], shown["peer"]) == ("LISTEN", "stream", str(tmp_path / "app.sock"), 0)


def test_the_two_ends_of_a_connection_name_each_other(rows_of: dict[str, dict[str, object]]) -> None:
    client, taken = rows_of["client"], rows_of["taken"]
    assert (client["peer"], taken["peer"]) == (taken["inode"], client["inode"])
    assert client["state"] == taken["state"] == "ESTAB"


def test_unread_bytes_are_counted(rows_of: dict[str, dict[str, object]]) -> None:
    assert rows_of["taken"]["recv_q"] == 5
    assert rows_of["client"]["recv_q"] == 0


@pytest.mark.parametrize(("name", "path"), [(b"/run/a\0", "/run/a"), (b"\0abstract", "@abstract"), (b"", "")])
def test_paths_are_told_as_ss_tells_them(name: bytes, path: str) -> None:
    attribute = struct.pack("=HH", 4 + len(name), unixes.NAME) + name + b"\0" * (-len(name) % 4)
    message = unixes.HEAD.pack(socket.AF_UNIX, socket.SOCK_SEQPACKET, 10, 0, 77) + attribute
    assert unixes.row(message) | {} == {
        "kind": "packets", "state": "LISTEN", "path": path, "inode": 77, "peer": 0, "recv_q": 0, "send_q": 0,
    }  # fmt: skip

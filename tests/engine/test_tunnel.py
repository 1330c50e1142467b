"""The way to an engine behind ssh; a program of the test's own stands for ssh, and keeps its rules: it listens before it runs
the far command, relays, and ends at the end of its input."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab.engine.docker import tunnel
from lab.engine.docker.reaching import connect
from lab.engine.errors import MachineError
from tests.engine.engines import on_socket

SSH = """#!{python}
import os, socket, subprocess, sys, threading
words = sys.argv[1:]
open(os.environ["SSH_ASKED"], "a").write(" ".join(words) + "\\n")
if os.environ.get("SSH_SAYS"):
    sys.exit(os.environ["SSH_SAYS"])
near, _, far = words[words.index("-L") + 1].partition(":")
server = socket.socket(socket.AF_UNIX)
server.bind(near)
server.listen()
def pump(one, other):
    while data := one.recv(65536):
        other.sendall(data)
def serve():
    while True:
        one, _ = server.accept()
        other = socket.socket(socket.AF_UNIX)
        other.connect(os.environ["SSH_FAR"] + far)
        for ends in ((one, other), (other, one)):
            threading.Thread(target=pump, args=ends, daemon=True).start()
threading.Thread(target=serve, daemon=True).start()
print("Welcome to far!", flush=True)
os._exit(subprocess.call(["sh", "-c", words[-1]]))
"""


@pytest.fixture
def far(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The far machine's root, ssh's log in it as `asked`; ssh leads there, and every tunnel is closed at the end."""
    folder = tmp_path_factory.mktemp("far")
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(SSH.replace("{python}", sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("SSH_ASKED", str(folder / "asked"))
    monkeypatch.setenv("SSH_FAR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(tunnel, "_open", {})
    yield folder
    tunnel._close_all()
    assert not list(folder.glob("lab-ssh-*")), "nothing is left"


def test_an_engine_behind_ssh_is_reached_and_one_ssh_serves_all(far: Path) -> None:
    (far / "var" / "run").mkdir(parents=True)
    with on_socket(far / "var" / "run" / "docker.sock"):
        first, second = (connect("ssh://me@far.example:2222") for _ in range(2))
        assert first.api.version()["Version"] == second.api.version()["Version"] == "26.1"
    assert (first.url, first.local) == ("ssh://me@far.example:2222", False)
    [asked] = (far / "asked").read_text().splitlines()
    assert asked.endswith(f"-p 2222 -l me far.example {tunnel.FAR_COMMAND}")
    assert "BatchMode=yes" in asked


def test_an_address_may_name_the_socket(far: Path) -> None:
    with on_socket(far / "s"):
        connect("ssh://far/s")


def test_what_ssh_refuses_is_told_in_its_words(far: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_SAYS", "me@far: Permission denied (publickey).")
    with pytest.raises(MachineError, match="cannot be reached by ssh") as told:
        connect("ssh://me@far")
    assert told.value.lines == ("me@far: Permission denied (publickey).",)
    assert "`ssh -o BatchMode=yes -l me far true`" in told.value.next_move


@pytest.mark.parametrize(
    "url", ["ssh://", "ssh://-oProxyCommand=true/x", "ssh://far:port", "ssh://me:secret@far", "ssh://-x@far"]
)
def test_what_would_be_an_option_of_ssh_is_no_address(url: str) -> None:
    with pytest.raises(MachineError, match="is no address of an engine"):
        tunnel.read(url)


PROGRAM = """
import sys, time
from lab.engine.docker import tunnel
near = tunnel.through("ssh://far/s").removeprefix("unix://")
print(near, tunnel._open["ssh://far/s"].process.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for the end of a process that is no child of ours")
def test_a_process_that_is_killed_leaves_no_ssh_and_the_next_one_removes_its_folder(far: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(far)}
    words = [sys.executable, "-c", PROGRAM]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603 - a program of ours
    assert process.stdout is not None
    near, pid = process.stdout.readline().split()
    ended = os.pidfd_open(int(pid))
    process.kill()
    process.communicate()
    import select

    assert select.select([ended], [], [], 10)[0], "ssh outlived the process that it was for"
    os.close(ended)
    assert Path(near).parent.is_dir()
    tunnel.through("ssh://far/s")
    assert not Path(near).parent.exists()

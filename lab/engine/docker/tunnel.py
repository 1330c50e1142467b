"""The way to an engine behind ssh: OpenSSH's own client forwards a socket of ours to the engine's.

Rule: one ssh for each address in a process. It ends with the process, however that ends: its far end reads from us and ends
with us. It asks nobody anything, so the key and the host must be known. It is in a session of its own: Ctrl-C must not take
the engine from the clean-up. Weak spot: the far engine listens at its default socket, unless the address names a path.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from lab.engine.errors import MachineError

FAR_SOCKET = "/var/run/docker.sock"
READY_SECONDS, END_SECONDS = 30.0, 5.0
READY = b"ready\n"
FAR_COMMAND = "echo ready && exec cat >/dev/null"
PREFIX = "lab-ssh-"

OPTIONS = {
    "BatchMode": "yes",
    "ConnectTimeout": "10",
    "ControlPath": "none",  # a connection shared with others would keep our forwarding when we are gone
    "ExitOnForwardFailure": "yes",
    "ServerAliveInterval": "15",
}
_NAME = re.compile(r"(?!-)[A-Za-z0-9._:%-]+")


@dataclass(frozen=True, slots=True)
class Far:
    """An engine behind ssh."""

    login: tuple[str, ...]
    """Words for ssh, the host's name last."""
    socket: str


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One ssh that runs."""

    process: subprocess.Popen[bytes]
    folder: Path
    lock: int
    """A descriptor: while it is locked the folder is in use."""

    @property
    def socket(self) -> Path:
        """Ours, which leads to the engine's."""
        return self.folder / "engine"


_open: dict[str, Tunnel] = {}
_one_at_a_time = threading.Lock()


def through(url: str) -> str:
    """The address of a Unix socket that leads to the engine at `ssh://[USER@]HOST[:PORT][/SOCKET]`. Raises MachineError."""
    with _one_at_a_time:
        held = _open.get(url)
        if held is None or held.process.poll() is not None:
            if held:
                close(held)
            _open[url] = held = _begin(url)
    return f"unix://{held.socket}"


def read(url: str) -> Far:
    """Read an address. Raises MachineError for one that is none; a name that begins with a dash would be an option of ssh."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname or "", parts.port, parts.username
    except ValueError:
        host, port, user = "", None, None
    if not _NAME.fullmatch(host) or (user is not None and not _NAME.fullmatch(user)) or parts.password or parts.query:
        raise MachineError(f"{url} is no address of an engine", "give one such as ssh://USER@HOST")
    login = (*(("-p", str(port)) if port else ()), *(("-l", user) if user else ()), host)
    return Far(login, parts.path if parts.path.strip("/") else FAR_SOCKET)


def close(tunnel: Tunnel) -> None:
    """End it."""
    with suppress(BrokenPipeError):
        tunnel.process.stdin.close()  # type: ignore[union-attr] # it was asked for
    tunnel.process.terminate()
    try:
        tunnel.process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        tunnel.process.kill()
        tunnel.process.wait()
    tunnel.process.stdout.close()  # type: ignore[union-attr] # it was asked for
    shutil.rmtree(tunnel.folder, ignore_errors=True)
    os.close(tunnel.lock)


@atexit.register
def _close_all() -> None:
    for url in tuple(_open):
        close(_open.pop(url))


def _begin(url: str) -> Tunnel:
    far, program = read(url), shutil.which("ssh")
    if program is None:
        raise MachineError(f"{url} wants ssh, and there is no ssh command here", "install OpenSSH's client")
    _remove_left()
    folder = Path(tempfile.mkdtemp(prefix=PREFIX))
    options = [word for name, value in OPTIONS.items() for word in ("-o", f"{name}={value}")]
    words = [program, "-T", *options, "-L", f"{folder / 'engine'}:{far.socket}", *far.login, FAR_COMMAND]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - words of ours, the names looked at
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, start_new_session=True
        )
        tunnel = Tunnel(process, folder, _locked(folder))
        if not _ready(process):
            close(tunnel)
            raise _refused(url, far, said)
    return tunnel


def _ready(process: subprocess.Popen[bytes]) -> bool:
    """Whether the far end answers. Our socket is there then, too: ssh forwards before it runs a command."""
    patience = threading.Timer(READY_SECONDS, process.kill)
    patience.start()
    try:
        return any(line == READY for line in process.stdout or ())
    finally:
        patience.cancel()


def _refused(url: str, far: Far, said: IO[bytes]) -> MachineError:
    said.seek(0)
    lines = tuple(said.read().decode("utf-8", "replace").splitlines()[-5:])
    tried = " ".join(("ssh", "-o", "BatchMode=yes", *far.login, "true"))
    move = f"make `{tried}` work without a question: it wants a key and a known host"
    return MachineError(f"the engine at {url} cannot be reached by ssh", move, lines or ("(ssh said nothing)",))


def _locked(folder: Path) -> int:
    lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def _remove_left() -> None:
    """What processes left that were killed: nobody holds its lock any more."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with suppress(OSError), path.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)

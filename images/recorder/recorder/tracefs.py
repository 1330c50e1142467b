"""A private instance of the kernel's tracer.

Rule: nothing global is changed; the recorder has an instance of its own, removed when it ends, and the next one
removes what a killed one left. Source: Documentation/trace/ftrace.rst, "Instances"; events.rst. Weak spot:
`sock_*_length` exist since Linux 6.3; data moved with splice from a socket, or by io_uring without a system call,
passes none of these events' calls for accept.
"""

from __future__ import annotations

import ctypes
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from recorder import formats

MOUNT = Path("/sys/kernel/tracing")
PREFIX = "lab-"
BUFFERS_KB, SMALLEST_KB, LARGEST_KB = 64 * 1024, 1408, 8 * 1024
"""All processors together, and the bounds for one. 8 MiB hold about 90,000 events; 1,408 KiB are the kernel's default."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One event: where it is, the fields that are read, and the filter in the kernel where it has the filter's field."""

    system: str
    fields: tuple[str, ...]
    filter: str = ""
    essential: bool = False
    """Without it the witness is refused; another that the kernel lacks is left out, and that is told."""


_INET = "family == 2 || family == 10"
_SOCKETS = "family == 1 || family == 2 || family == 10"
"""With UNIX sockets: their reads and writes are all that can be seen of them."""
_COMMON = ("common_type", "common_pid")
_LENGTH = (*_COMMON, "sk", "family", "protocol", "ret", "flags")
_ENDS = ("sport", "dport", "family", "saddr", "daddr", "saddr_v6", "daddr_v6")
EVENTS: dict[str, Wanted] = {
    "inet_sock_set_state": Wanted("sock", (*_COMMON, "skaddr", "oldstate", "newstate", "protocol", *_ENDS), essential=True),
    "sock_recv_length": Wanted("sock", _LENGTH, _SOCKETS, essential=True),
    "sock_send_length": Wanted("sock", _LENGTH, _SOCKETS, essential=True),
    "sys_exit_accept4": Wanted("syscalls", (*_COMMON, "ret"), "ret >= 0", essential=True),
    "sys_exit_accept": Wanted("syscalls", (*_COMMON, "ret"), "ret >= 0"),
    "task_newtask": Wanted("task", (*_COMMON, "pid", "clone_flags"), essential=True),
    "sched_process_exec": Wanted("sched", _COMMON),
    "sk_data_ready": Wanted("sock", (*_COMMON, "skaddr", "family", "protocol"), _INET),
    "tcp_retransmit_skb": Wanted("tcp", (*_COMMON, "skaddr", *_ENDS), "err == 0"),
    "tcp_retransmit_synack": Wanted("tcp", (*_COMMON, *_ENDS)),
    "tcp_send_reset": Wanted("tcp", (*_COMMON, "skaddr", "reason", "saddr", "daddr")),
    "tcp_receive_reset": Wanted("tcp", (*_COMMON, "skaddr", *_ENDS)),
}
"""`tcp_send_reset` has both ends and a reason since Linux 6.10; a retransmission that failed is told since 6.16, as `err`."""

_libc = ctypes.CDLL(None, use_errno=True)


class RefusedError(Exception):
    """The host does not allow the kernel's timeline; the text says why and what would."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An open instance: one descriptor a processor, non-blocking."""

    folder: Path
    pipes: tuple[int, ...]
    page: int
    """Bytes of one buffer page."""
    data: int
    """Offset of the records in it."""
    formats: dict[int, formats.Format]
    left_out: dict[str, str]
    """Events that this kernel does not have, and why not."""
    offset_ns: int
    """To add to the buffer's time (clock `tai`) for CLOCK_REALTIME: minus the leap seconds, where they are set."""


def open_instance() -> Instance:
    """Make the instance and switch its events on. Raises RefusedError."""
    root = _mounted()
    _remove_stale(root)
    folder = root / "instances" / _name()
    try:
        folder.mkdir()
    except OSError as error:
        raise RefusedError(f"{folder}: {error.strerror}; the recorder needs tracefs writable (SYS_ADMIN, root)") from error
    try:
        return _opened(root, folder)
    except (OSError, ValueError) as error:
        remove(folder)
        raise RefusedError(f"{error}; {_needs()}") from error


def close(instance: Instance) -> None:
    for pipe in instance.pipes:
        os.close(pipe)
    remove(instance.folder)


def remove(folder: Path) -> None:
    """Remove an instance. The kernel refuses while somebody reads it: then it is left, and the next recorder tries."""
    try:
        (folder / "events/enable").write_text("0")
        folder.rmdir()
    except OSError:
        return


def lost(instance: Instance) -> int:
    """Events that this instance lost so far, all processors."""
    return sum(_lost(path.read_text()) for path in instance.folder.glob("per_cpu/cpu*/stats"))


def _lost(stats: str) -> int:
    return sum(int(n) for n in re.findall(r"^(?:overrun|commit overrun|dropped events): (\d+)$", stats, re.MULTILINE))


def tai_offset_ns() -> int:
    """TAI minus CLOCK_REALTIME: whole seconds, 0 where nobody told the kernel of leap seconds."""
    difference = time.clock_gettime_ns(time.CLOCK_TAI) - time.clock_gettime_ns(time.CLOCK_REALTIME)
    return round(difference / 1e9) * 1_000_000_000


def _mounted() -> Path:
    if not (MOUNT / "instances").is_dir():
        if not MOUNT.is_dir():
            raise RefusedError(f"this kernel has no {MOUNT}: it was built without tracing (CONFIG_FTRACE)")
        _mount()
    return MOUNT


def _mount() -> None:
    if _libc.mount(b"tracefs", bytes(MOUNT), b"tracefs", 0, None) != 0:
        number = ctypes.get_errno()
        raise RefusedError(
            f"mounting tracefs: {os.strerror(number)}; it needs SYS_ADMIN, AppArmor unconfined and no kernel lockdown"
        )


def _opened(root: Path, folder: Path) -> Instance:
    _set(folder / "tracing_on", "0")
    _set(folder / "trace_clock", "tai")
    _set(folder / "buffer_size_kb", str(_buffer_kb(os.cpu_count() or 1)))
    _set(folder / "buffer_percent", "0")  # wake the reader for the first event
    data = formats.page_header((root / "events/header_page").read_text())
    known, left_out = _enable_all(root, folder)
    pipes = [_pipe(path) for path in sorted(folder.glob("per_cpu/cpu*/trace_pipe_raw"))]
    return Instance(folder, tuple(pipes), _page(folder), data, known, left_out, tai_offset_ns())


def _enable_all(root: Path, folder: Path) -> tuple[dict[int, formats.Format], dict[str, str]]:
    """Events by number, and those that are left out. Raises OSError, ValueError if an essential one is."""
    known, left_out = {}, {}
    for event, wanted in EVENTS.items():
        try:
            form = _enable(root, folder, event)
        except (OSError, ValueError) as error:
            if wanted.essential:
                raise
            left_out[event] = str(error)
        else:
            known[form.id] = form
    return known, left_out


def pages(instance: Instance) -> int:
    """How many pages the buffer of one processor holds at most."""
    return LARGEST_KB * 1024 // instance.page + 1


def _buffer_kb(processors: int) -> int:
    return max(SMALLEST_KB, min(LARGEST_KB, BUFFERS_KB // processors))


def _enable(root: Path, folder: Path, event: str) -> formats.Format:
    wanted = EVENTS[event]
    text = (root / "events" / wanted.system / event / "format").read_text()
    form = formats.parse(text, wanted.fields)
    place = folder / "events" / wanted.system / event
    if wanted.filter and f" {wanted.filter.split()[0]};" in text:
        _set(place / "filter", wanted.filter)
    _set(place / "enable", "1")
    return form


def _set(path: Path, value: str) -> None:
    path.write_text(value)


def _pipe(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _page(folder: Path) -> int:
    """Buffer pages are one memory page, unless the kernel knows sub-buffers (6.8)."""
    path = folder / "buffer_subbuf_size_kb"
    return int(path.read_text()) * 1024 if path.exists() else os.sysconf("SC_PAGESIZE")


def _needs() -> str:
    needed = ", ".join(name for name, wanted in EVENTS.items() if wanted.essential)
    return f"the events {needed} are needed, which Linux has since 6.3 (this is {os.uname().release})"


def how(instance: Instance) -> str:
    """What it shows, in words."""
    shown = "tracefs: " + ", ".join(form.name for form in instance.formats.values())
    return shown + ("; not on this kernel: " + ", ".join(instance.left_out) if instance.left_out else "")


def _name() -> str:
    """Boot, pid and start time: which recorder it belongs to, and whether that one still lives."""
    return f"{PREFIX}{_boot()}-{os.getpid()}-{_start(os.getpid())}"


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text()[:8]


def _start(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def _remove_stale(root: Path) -> None:
    for folder in (root / "instances").glob(f"{PREFIX}*-*-*"):
        pid, start = folder.name.split("-")[-2:]
        if not pid.isdigit() or _start(int(pid)) != start:
            remove(folder)

"""Lines of strace: system calls as values.

Source: strace(1). Rule: a call's time is that of its return, when bytes were taken or an end was known; a call that
others interrupt comes in two lines, which are put together. Descriptors are written by strace with the socket's ends
(`-yy`), as the kernel has them at that moment. Weak spot: the text is made for people; what does not look as expected is
counted, not guessed.
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass, field
from typing import NamedTuple

from recorder.sockets import canonical

OPTIONS = (
    *("-f", "-qq", "-yy", "-s", "0", "--decode-pids=pidns", "-e", "signal=none"),
    *("--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"),
)
READS = frozenset({"read", "readv", "recvfrom", "recvmsg", "recvmmsg"})
WRITES = frozenset({"write", "writev", "sendto", "sendmsg", "sendmmsg", "sendfile", "splice"})
ACCEPTS = frozenset({"accept", "accept4"})
CONNECT, UNDER_WAY = "connect", "EINPROGRESS"
BIRTHS = frozenset({"clone", "clone3", "fork", "vfork"})
CALLS = (*sorted(READS | WRITES | ACCEPTS | BIRTHS), CONNECT)

_LINE = re.compile(r"(\d+) +(\d+)\.(\d{9}) (.*)", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_UNFINISHED, _LET_GO = "<unfinished ...>", "<detached ...>"
_CALL = re.compile(r"(\w+)\((.*)\) += (.+?) <(\d+)\.(\d{9})>", re.DOTALL)
_SOCKET = re.compile(r"(\d+)<(TCP|UDP)(?:v6)?:\[(.+?)\]>")
_INET = re.compile(r'sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)')
_INET6 = re.compile(r'sin6_port=htons\((\d+)\).*?inet_pton\(AF_INET6, "([^"]+)"')
_HERE = re.compile(r"/\* (\d+) in strace's PID NS \*/")

End = list["str | int"]


class Call(NamedTuple):
    """One system call that has returned."""

    tid: int
    time_ns: int
    """Of its return."""
    name: str
    arguments: str
    result: str


@dataclass(frozen=True, slots=True)
class Socket:
    """A descriptor that strace found to be a socket of TCP or UDP."""

    descriptor: int
    transport: str
    local: End | None
    """None: the kernel had no ends for it (not yet connected, or no more)."""
    peer: End | None


@dataclass(slots=True)
class Reader:
    """Puts lines together."""

    begun: dict[int, str] = field(default_factory=dict)
    """Thread -> the first part of a call that has not returned."""
    strange: int = 0
    """Lines that could not be read."""
    first: str = ""
    """The first of them."""


def call(reader: Reader, line: str) -> Call | None:
    """The call that this line completes, if it does."""
    found = _LINE.fullmatch(line)
    if found is None:
        _wonder(reader, line)
        return None
    tid, time_ns, rest = int(found[1]), int(found[2] + found[3]), found[4]
    if rest.endswith(_UNFINISHED):
        reader.begun[tid] = rest.removesuffix(_UNFINISHED)
        return None
    resumed = _RESUMED.fullmatch(rest)
    text = reader.begun.pop(tid, f"{resumed[1]}(") + resumed[2] if resumed else rest
    return _whole(reader, tid, text, time_ns, resumed=resumed is not None)


def _whole(reader: Reader, tid: int, text: str, time_ns: int, *, resumed: bool) -> Call | None:
    found = _CALL.fullmatch(text)
    if found is None:
        if text.startswith("+++"):
            reader.begun.pop(tid, None)
        elif " = ?" not in text and not text.endswith(_LET_GO):
            _wonder(reader, text)
        return None
    spent = 0 if resumed else int(found[4] + found[5])
    return Call(tid, time_ns + spent, found[1], found[2], found[3])


def _wonder(reader: Reader, line: str) -> None:
    reader.strange += 1
    reader.first = reader.first or line[:200]


def socket_of(text: str) -> Socket | None:
    """The socket that an argument or a result begins with."""
    found = _SOCKET.match(text)
    if found is None:
        return None
    local, arrow, peer = found[3].partition("->")
    ends = (_end(local), _end(peer) if arrow else None)
    return Socket(int(found[1]), found[2].lower(), *ends)


def address(text: str) -> End | None:
    """The socket address among the arguments."""
    found = _INET.search(text) or _INET6.search(text)
    return [canonical(found[2]), int(found[1])] if found else None


def number(result: str) -> int | None:
    """What the call returned: a number, negative for -errno; None for neither."""
    word, _, rest = result.partition(" ")
    if word == "-1":
        return -getattr(errno, rest.split()[0], 0) or None if rest else None
    digits = word.partition("<")[0]
    return int(digits) if digits.isdigit() else None


def child(result: str) -> int | None:
    """The thread that was born, by its number in strace's own pid namespace."""
    found = _HERE.search(result)
    return int(found[1]) if found else number(result)


def sizes(text: str) -> list[int]:
    """Bytes of each message of recvmmsg or sendmmsg."""
    return [int(each) for each in re.findall(r"msg_len=(\d+)", text)]


def _end(text: str) -> End | None:
    """`10.0.1.2:80`, `[::1]:80`; None for a bare inode."""
    host, colon, port = text.rpartition(":")
    return [canonical(host), int(port)] if colon else None

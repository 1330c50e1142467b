"""Exact bytes on a connection, and one answer: the steps of a staged probe that need nobody between them. Or one datagram.

Rule: what was asked is written as it is, never repaired. The connection stays open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from client import staged as steps
from client.connecting import datagrams
from client.report import decode

if TYPE_CHECKING:
    from client.connecting import Progress
    from client.staged import Staged

DATAGRAM = 65536


def send(probe: dict[str, Any], ca: str) -> Staged:
    """Send the probe and read the answer; what fails is noted. Raises ValueError for what is no base64."""
    decode(probe.get("send"))
    staged = steps.begin(ca, probe)
    if probe.get("transport") == "udp":
        _datagram(staged, probe)
        return staged
    told = steps.open_connection(staged, probe)
    if not told["error"] and probe.get("tls") is not None:
        told = steps.handshake(staged, {"tls": probe["tls"]})
    if not told["error"] and (probe.get("tls") or {}).get("early"):
        told = steps.handshake(staged, {"tls": None})
    if not told["error"]:
        told = steps.send(staged, {"send": probe.get("send") or ""})
    if not told["error"]:
        steps.take(staged, {"answers": 1})
    return staged


def _datagram(staged: Staged, probe: dict[str, Any]) -> None:
    try:
        _exchange(staged, probe)
    except OSError as error:
        staged.progress.error = error


def _exchange(staged: Staged, probe: dict[str, Any]) -> None:
    progress: Progress = staged.progress
    opened = datagrams((str(probe["connect"][0]), int(probe["connect"][1])), progress)
    staged.more.append(opened)
    opened.settimeout(staged.timeout)
    data = decode(probe.get("send"))
    progress.during = "send"
    opened.send(data)
    progress.sent += data
    progress.during = "receive"
    staged.received.body[:] = opened.recv(DATAGRAM)
    staged.received.answers = 1

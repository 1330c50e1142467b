"""What could be known at a moment: the observations up to it, and the parts of their sorting that do not change.

Rule: at a moment nothing later exists, neither a packet nor another client's report; processes carry no time, and what is known
to be missing is missing at every moment. Connections that had ended are put together once for all moments (`Memo`). Weak
spot: a process that exists only later is known by name too early.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lab.model.observations import AppEvent, ClientReport, KernelEvent, LogLine, Observations, Packet, SocketRow, UnixRow
    from lab.trace.flows import Flow
    from lab.trace.talk import Talk

    Timed = AppEvent | KernelEvent | LogLine | Packet | SocketRow | UnixRow

T = TypeVar("T", bound="Timed")


@dataclass(slots=True)
class Memo:
    """What was put together already, by what it was put together from."""

    flows: dict[tuple[str, int, int, int], Flow] = field(default_factory=dict)
    """(file, number of the first packet, of the last, how many) -> the connection that they are."""
    talks: dict[int, tuple[Flow, Talk]] = field(default_factory=dict)
    """Identity of a flow -> the flow, and what is said on it."""
    unix: tuple[tuple[KernelEvent, ...], tuple[KernelEvent, ...]] | None = None
    """The kernel's events, and those of UNIX sockets among them."""


def up_to(seen: Observations, time_ns: int) -> Observations:
    """The observations that had been made at `time_ns`."""
    return replace(
        seen,
        packets=_until(seen.packets, time_ns),
        sockets=_until(seen.sockets, time_ns),
        unix=_until(seen.unix, time_ns),
        kernel=_until(seen.kernel, time_ns),
        clients=tuple(report for report in seen.clients if report.finished_ns <= time_ns),
        logs=_until(seen.logs, time_ns),
        application=_until(seen.application, time_ns),
    )


def _until(seen: Iterable[T], time_ns: int) -> tuple[T, ...]:
    return tuple(each for each in seen if each.time_ns <= time_ns)


def same_probe(one: ClientReport, other: ClientReport) -> bool:
    """Whether both are reports of one probe: of its looks, and of its end.

    A repeated probe goes over another connection each time; a report from before it was opened has none to tell them apart.
    """
    if (_name(one), one.token) != (_name(other), other.token):
        return False
    return None in (one.local, other.local) or (one.local, one.namespace) == (other.local, other.namespace)


def _name(report: ClientReport) -> str:
    return report.probe.partition("@")[0]

"""Opening and closing what a case watches.

Rule: an attach opens all that it names or nothing. Weak spot: a process id is all that names a namespace; a holder
that ended and whose number was given away between the question and the visit would be mistaken.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from recorder import case as cases
from recorder import namespaces, pump
from recorder.errors import GoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from recorder.case import Case, Namespace

    Opening = Callable[[Case], Namespace]


def to_open(request: dict[str, Any]) -> list[tuple[str, Opening]]:
    """Name and way to open of each namespace that the request names."""
    named = [(str(each["name"]), int(each["pid"])) for each in request["namespaces"]]
    ways: list[tuple[str, Opening]] = [(name, partial(cases.open_namespace, name=name, pid=pid)) for name, pid in named]
    host = request.get("host")
    if host:
        watch = cases.Watch(
            tuple(host["interfaces"]), frozenset(map(int, host["ports"])), frozenset(map(str, host.get("whole") or ()))
        )
        ways.append((cases.HOST, partial(_open_host, watch=watch)))
    return ways


def open_all(case: Case, asked: list[tuple[str, Opening]]) -> list[Namespace]:
    """Open those that are not open yet. If one fails none stays.

    Raises GoneError, OSError.
    """
    opened: list[Namespace] = []
    try:
        for name, opening in asked:
            if name not in case.namespaces:
                opened.append(_reached(name, opening, case))
    except BaseException:
        for each in opened:
            cases.close_namespace(each)
        raise
    return opened


def add(reader: pump.Pump, case: Case, opened: list[Namespace]) -> None:
    """Read them from now on. In the pump's thread."""
    for each in opened:
        pump.add(reader, case, each)


def close(case: Case) -> None:
    """Close everything. Several at once, for each close waits in the kernel."""
    cases.close_files(case)
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(cases.close_namespace, each) for each in case.namespaces.values()]:
            done.result()


def _reached(name: str, opening: Opening, case: Case) -> Namespace:
    try:
        return opening(case)
    except (FileNotFoundError, ProcessLookupError) as error:
        raise GoneError(f"namespace {name}: its process is gone ({error})") from error


def _open_host(case: Case, watch: cases.Watch) -> Namespace:
    pid = namespaces.host_pid()
    if pid is None:
        raise PermissionError("no process of the host's namespace can be seen: run with the host's pid namespace")
    return cases.open_namespace(case, cases.HOST, pid, watch)

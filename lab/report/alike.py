"""Repetitions of a probe that went the same way, told once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lab.model.routes import Route

Alike = tuple["Route", int]
"""The first of them, and how many more there are."""


def alike(routes: Sequence[Route]) -> list[Alike]:
    """Each probe's routes, those of repetitions that went the same way and got as far counted with the first of them."""
    groups: dict[tuple[object, ...], list[Route]] = {}
    for place, route in enumerate(routes):
        probe, again, _ = route.probe.partition("#")
        hops = tuple((hop.parent, hop.container) for hop in route.hops)
        way = (route.moment, route.stage, route.status, hops, route.dispatched)
        groups.setdefault((probe, *way) if again else (place,), []).append(route)
    return [(group[0], len(group) - 1) for group in groups.values()]

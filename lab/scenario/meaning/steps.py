"""Steps of a staged probe: one action each, in an order that can be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.scenario import ClientTls, Step
from lab.scenario.meaning.view import HOST, Finding, Rule, View
from lab.scenario.problems import Told
from lab.scenario.tree import ANY, Scalar, at
from lab.scenario.wording import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lab.scenario.tree import Path

ACTIONS = tuple(name for name in Step.model_fields if name not in ("about", "expect"))
"""Names of the actions, as attributes."""

STREAMS = ("streams", "data", "reset_stream")
"""Actions of HTTP/2."""

ON_CONNECTION = ("tls", "send", *STREAMS, "receive", "do")
"""Actions that need the probe's connection."""

ENDED = {"half-close": ("tls", "send", *STREAMS), "reset": ON_CONNECTION, "close": ON_CONNECTION}
"""How a connection was ended -> what cannot be done on it any more."""


def _key(action: str) -> str:
    return action.removesuffix("_")


def _given(step: Step) -> list[str]:
    return [name for name in ACTIONS if getattr(step, name) is not None]


def _all(view: View) -> Iterator[tuple[Path, list[tuple[int, str, Step]]]]:
    """Each staged probe: its place, and number and action of each step that has one."""
    for name, probe in view.scenario.probes.items():
        if probe.steps:
            found = [(place, _given(step), step) for place, step in enumerate(probe.steps)]
            yield ("probes", name, "steps"), [(place, given[0], step) for place, given, step in found if given]


def _one_action(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        for place, step in enumerate(probe.steps):
            given, path = _given(step), ("probes", name, "steps", place)
            if not given and step.expect is None:  # which says that a look is missing
                yield Finding(path, Told("this step does nothing", f"exactly one of {', '.join(map(_key, ACTIONS))}"))
            for extra in given[1:]:
                told = Told(f"this step has `{_key(given[0])}` and `{_key(extra)}`", "one action", "make two steps of it")
                yield Finding((*path, _key(extra)), told, key=True)


def _connected(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        connects = [place for place, action, _ in steps if action == "connect"]
        if not connects:
            yield Finding(
                path, Told("no step connects", "", "add `connect: HOST:PORT`; faults and `link` may go before"), key=True
            )
        for place in connects[1:]:
            told = Told("this probe connects twice", "one connection", "make two probes of it, or use `repeat`")
            yield Finding((*path, place, "connect"), told, key=True)
        for place, action, _ in steps:
            if connects and place < connects[0] and (action in ON_CONNECTION or _awaits(steps, place)):
                told = Told(f"there is no connection yet for `{_key(action)}`", "", "put `connect` before it")
                yield Finding((*path, place, _key(action)), told, key=True)


def _awaits(steps: list[tuple[int, str, Step]], place: int) -> bool:
    """Whether the step waits for something to become of the connection, or names the process that holds it."""
    step = next(step for number, _, step in steps if number == place)
    held = [getattr(getattr(step, name), "process", "") == "receiver" for name in ("freeze", "thaw", "kill")]
    return step.await_ not in (None, "nothing", "settled") or any(held)


def _after_the_end(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        gone: dict[str, str] = {}
        for place, action, step in steps:
            if action in gone:
                told = Told(f"nothing can be done with `{_key(action)}` after `do: {gone[action]}`", "", "put it before")
                yield Finding((*path, place, _key(action)), told, key=True)
            if step.do:
                gone |= dict.fromkeys(ENDED[step.do], step.do)


def _handshakes(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        begun = False
        for place, action, step in steps:
            if action != "tls":
                continue
            if begun and isinstance(step.tls, ClientTls):
                told = Told("TLS has begun on this connection already", "rest", "`tls: rest` goes on with it")
                yield Finding((*path, place, "tls"), told, key=True)
            if not begun and step.tls == "rest":
                told = Told("there is no TLS yet that could go on", "", "begin with `tls: {...}`")
                yield Finding((*path, place, "tls"), told, key=True)
            begun = True


def _early(view: View) -> Iterator[Finding]:
    places = ("probes", ANY, "exact", "tls"), ("probes", ANY, "steps", ANY, "tls")
    for path, node in (found for place in places for found in view.matches((*place, "early"))):
        resumes = at(view.tree, (*path[:-1], "resume"))
        if not (isinstance(resumes, Scalar) and resumes.value is True) and isinstance(node, Scalar) and node.value:
            told = Told("early data belong to a session that is resumed", "", "add `resume: true`")
            yield Finding(path, told, key=True)
        if at(view.tree, (*path[:-1], "stop_after")) is not None:
            told = Told("a ClientHello that stops has nothing behind it", "", "leave `stop_after` or `early` out")
            yield Finding(path, told, key=True)


def _stopped(view: View) -> Iterator[Finding]:
    for path, _ in view.matches(("probes", ANY, "exact", "tls", "stop_after")):
        told = Told("exact bytes need the whole handshake", "", "make steps of it: `tls: {..., stop_after: N}`, then `look`")
        yield Finding(path, told, key=True)


def _looks(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        seen: set[str] = set()
        for place, _, step in steps:
            if step.look in seen:
                told = Told(f"this probe has a look `{step.look}` already", "", "give each moment a name of its own")
                yield Finding((*path, place, "look"), told)
            seen |= {step.look} if step.look else set()


def _tallies(view: View) -> Iterator[Finding]:
    for place in (("probes", ANY, "expect", "tally"), ("probes", ANY, "steps", ANY, "expect", "tally")):
        for path, _ in view.matches(place):
            if view.scenario.probes[str(path[1])].repeat == 1:
                told = Told(
                    "a tally counts the repetitions of a probe, and this one is sent once", "", "add `repeat: N` to the probe"
                )
                yield Finding(path, told, key=True)


def _pieces(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        for place, _, step in steps:
            sent = step.send
            if sent is None or isinstance(sent, str):
                continue
            where = (*path, place, "send", "pieces")
            if sent.each and not sent.pieces:
                yield Finding(
                    (*path, place, "send", "each"),
                    Told("`each` repeats the last size of `pieces`, and there is none"),
                    key=True,
                )
            elif sum(sent.pieces) > len(sent.bytes):
                yield Finding(
                    where, Told(f"these pieces are {sum(sent.pieces)} bytes, and there are {len(sent.bytes)}"), key=True
                )


def _datagrams(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        if probe.exact and probe.exact.transport == "udp" and probe.exact.tls:
            yield Finding(("probes", name, "exact", "tls"), Told("a datagram has no TLS here"), key=True)


def _two_languages(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        spoken = [(place, action) for place, action, _ in steps if action in ("send", *STREAMS)]
        for place, action in spoken:
            if (action == "send") != (spoken[0][1] == "send"):
                text = f"this connection speaks by `{spoken[0][1]}` already: exact bytes and streams of HTTP/2 would cross"
                yield Finding((*path, place, action), Told(text, "", "make two probes of it"), key=True)


RESET, HAS_ENDED = "it was reset", "its request has ended"


def _open_streams(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        opened: dict[str, str] = {}
        for place, action, step in steps:
            yield from _opened_twice(step, (*path, place), opened)
            opened |= {stream.name: HAS_ENDED if stream.end else "" for stream in step.streams or ()}
            named = step.data.stream if step.data else step.reset_stream
            if named is None:
                continue
            where: Path = (*path, place, action, *(("stream",) if step.data else ()))
            if wrong := _wrong_stream(step, named, opened):
                yield Finding(where, wrong)
            opened[named] = RESET if step.reset_stream else HAS_ENDED if step.data and step.data.end else ""


def _opened_twice(step: Step, path: Path, opened: Mapping[str, str]) -> Iterator[Finding]:
    known = set(opened)
    for number, stream in enumerate(step.streams or ()):
        if stream.name in known:
            yield Finding((*path, "streams", number, "name"), Told(f"this probe has a stream `{stream.name}` already"))
        known.add(stream.name)


def _wrong_stream(step: Step, named: str, opened: Mapping[str, str]) -> Told | None:
    if named not in opened:
        return Told(f"no step before has opened a stream `{named}`", ", ".join(opened), nearest(named, opened))
    if opened[named] == RESET or (step.data and opened[named]):
        return Told(f"nothing more can be sent on stream `{named}`: {opened[named]}")
    return None


def _by_stream(view: View) -> Iterator[Finding]:
    for place in (("probes", ANY, "expect", "by_stream", ANY), ("probes", ANY, "steps", ANY, "expect", "by_stream", ANY)):
        for path, _ in view.matches(place):
            steps = view.scenario.probes[str(path[1])].steps
            known = [stream.name for step in steps for stream in step.streams or ()]
            if path[-1] not in known:
                told = Told(f"this probe opens no stream `{path[-1]}`", ", ".join(known), nearest(str(path[-1]), known))
                yield Finding(path, told, key=True)


BACK = ("late", "hold", "delay")
"""Ways of a link in which segments come later."""


def _held_back(view: View) -> Iterator[Finding]:
    for path, steps in _all(view):
        from_host = view.scenario.probes[str(path[1])].from_ == HOST
        for place, _, step in steps:
            given = [name for name in BACK if step.link and getattr(step.link, name)]
            where = (*path, place, "link")
            for extra in given[1:]:
                told = Told(f"this link has `{given[0]}` and `{extra}`", "one way to hold back", "leave one of them out")
                yield Finding((*where, extra), told, key=True)
            if given and from_host:
                text = f"what the engine's host sends is not held back, so `{given[0]}` would do nothing for this probe"
                yield Finding((*where, given[0]), Told(text, "", "send it from `client`, or use `lose`"), key=True)


RULES = (
    Rule("one-action", "a step has exactly one action", _one_action),
    Rule("connection", "a staged probe opens one connection, before anything is done on it", _connected),
    Rule("after-the-end", "nothing is done on a connection that was ended", _after_the_end),
    Rule("two-languages", "a staged probe sends exact bytes or streams, not both", _two_languages),
    Rule("stream", "a stream is opened once, and used while it is open", _open_streams),
    Rule("by-stream", "what is expected of a stream is of one that the probe opens", _by_stream),
    Rule("handshake", "TLS begins once, and goes on only where it has begun", _handshakes),
    Rule("early-data", "early data belong to a session that is resumed, behind a whole ClientHello", _early),
    Rule("stop-after", "only steps can stop within a ClientHello", _stopped),
    Rule("held-back", "a link holds back in one way, and what it can", _held_back),
    Rule("look-twice", "each look of a probe has a name of its own", _looks),
    Rule("tally", "a tally is of a repeated probe", _tallies, running=True),
    Rule("pieces", "bytes are cut where there are bytes", _pieces),
    Rule("datagram", "a datagram is sent without TLS", _datagrams),
)

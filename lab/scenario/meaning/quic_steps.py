"""Steps of a probe that speaks HTTP/3: what TCP has and QUIC has not.

Rule: a probe is over QUIC if its step `tls` offers `h3`, a name that RFC 9114, section 3.1, gives to HTTP/3 over QUIC alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.scenario import ClientTls
from lab.scenario.meaning.view import Finding, Rule, View
from lab.scenario.problems import Told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lab.model.scenario import Step

H3 = "h3"
FIELDS = frozenset({"sni", "alpn", "verify"})
"""Fields of `tls` that a handshake of QUIC has here."""


def _tls(step: Step) -> ClientTls:
    return step.tls if isinstance(step.tls, ClientTls) else ClientTls(alpn=(H3,))


WITHOUT: tuple[tuple[str, Callable[[Step], bool], str], ...] = (
    ("send", lambda step: step.send is not None, "bytes go on streams: open one with `streams`"),
    ("await", lambda step: step.await_ not in (None, "nothing", "settled"), "the kernel's table tells nothing of QUIC"),
    ("do", lambda step: step.do not in (None, "close"), "it is closed as a whole: `do: close`"),
    ("tls", lambda step: step.tls == "rest", "its handshake is taken in one step"),
    ("tls", lambda step: _tls(step).alpn != (H3,), "offer h3 alone"),
    ("tls", lambda step: bool(_tls(step).model_fields_set - FIELDS), f"of `tls` it has {', '.join(sorted(FIELDS))}"),
)
"""Key of a step -> whether it asks for what QUIC has not, and what to do."""


def _over_quic(view: View) -> Iterator[Finding]:
    for name, probe in view.scenario.probes.items():
        if not any(isinstance(step.tls, ClientTls) and H3 in step.tls.alpn for step in probe.steps):
            continue
        for place, step in enumerate(probe.steps):
            for key, asks, why in WITHOUT:
                if asks(step):
                    told = Told("this probe speaks HTTP/3 (`alpn: [h3]`), and that is of TCP", "", why)
                    yield Finding(("probes", name, "steps", place, key), told, key=True)


RULES = (Rule("steps-over-quic", "what only TCP has is not asked of QUIC", _over_quic),)

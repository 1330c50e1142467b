"""The steps of a staged probe: as planned, and as they were carried out.

Rule: a planned step is one action of one kind; `do` tells the kinds apart in JSON. What came of a step is the engine's
own record: the judge reads it, whatever finds the route never does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from lab.model.observations import BASE64


@dataclass(frozen=True, slots=True)
class PlannedTls:
    """The client's side of TLS."""

    __pydantic_config__ = BASE64

    sni: str | None
    alpn: tuple[str, ...]
    verify: bool
    certificate: str = "none"
    """What the client shows of itself: `none`, `good` (of the run's CA), `untrusted` (of a CA that nobody knows)."""
    version: str | None = None
    """`1.2` or `1.3`: the only version offered; None: both."""
    stop_after: int | None = None
    """Bytes of the ClientHello after which to stop; None: go on to the end of the handshake."""
    resume: bool = False
    """Offer the session that the last connection to this place left behind."""
    early: bytes = b""
    """Early data; not empty: the handshake waits behind it for a step `tls: rest`."""


@dataclass(frozen=True, slots=True)
class PlannedConnect:
    to: tuple[str, int]
    """Name or address, and port, before the probe's `via` is applied."""
    transport: str = "tcp"
    """`udp`: the connection is one of QUIC, which begins with the step `tls`."""
    wait: bool = True
    """False: go on when the SYN was sent."""
    do: Literal["connect"] = "connect"


@dataclass(frozen=True, slots=True)
class PlannedHandshake:
    tls: PlannedTls | None
    """None: what `stop_after` held back, and on to the end of the handshake."""
    do: Literal["tls"] = "tls"


@dataclass(frozen=True, slots=True)
class PlannedSend:
    __pydantic_config__ = BASE64

    pieces: tuple[bytes, ...]
    """Each is one write."""
    until: str
    """What must be seen of a piece before the next is sent: a word of `lab.model.scenario.Await`."""
    must: bool = False
    """The scenario asked for it in so many words; else it only sets the pace."""
    do: Literal["send"] = "send"


@dataclass(frozen=True, slots=True)
class PlannedStream:
    """One stream of HTTP/2 to be opened."""

    __pydantic_config__ = BASE64

    name: str
    method: str
    path: str
    authority: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    end: bool


@dataclass(frozen=True, slots=True)
class PlannedStreams:
    streams: tuple[PlannedStream, ...]
    """Opened in one write."""
    do: Literal["streams"] = "streams"


@dataclass(frozen=True, slots=True)
class PlannedData:
    __pydantic_config__ = BASE64

    stream: str
    body: bytes
    end: bool
    do: Literal["data"] = "data"


@dataclass(frozen=True, slots=True)
class PlannedResetStream:
    stream: str
    do: Literal["reset-stream"] = "reset-stream"


@dataclass(frozen=True, slots=True)
class PlannedReceive:
    answers: int
    do: Literal["receive"] = "receive"


@dataclass(frozen=True, slots=True)
class PlannedEnd:
    how: str
    """`half-close`, `reset`, `close`."""
    do: Literal["end"] = "end"


@dataclass(frozen=True, slots=True)
class PlannedSignal:
    container: str
    process: str
    """`all`, `first`, `last`, `receiver`."""
    signal: str
    """`STOP`, `CONT`, `KILL`."""
    do: Literal["signal"] = "signal"


@dataclass(frozen=True, slots=True)
class PlannedPause:
    container: str
    paused: bool
    """True pauses, False lets it go on."""
    do: Literal["pause"] = "pause"


@dataclass(frozen=True, slots=True)
class PlannedLink:
    namespace: str
    port: int | None
    lose: tuple[int, ...] | str
    """Numbers, or a kind: a word of `lab.model.scenario.Segments`."""
    late: tuple[int, ...] = ()
    hold: tuple[int, ...] | str = ()
    delay: float | None = None
    """Seconds."""
    do: Literal["link"] = "link"


@dataclass(frozen=True, slots=True)
class PlannedFill:
    to: tuple[str, int]
    do: Literal["fill"] = "fill"


@dataclass(frozen=True, slots=True)
class PlannedAwait:
    what: str
    do: Literal["await"] = "await"


@dataclass(frozen=True, slots=True)
class PlannedLook:
    label: str
    do: Literal["look"] = "look"


Act = Annotated[
    PlannedConnect
    | PlannedHandshake
    | PlannedSend
    | PlannedStreams
    | PlannedData
    | PlannedResetStream
    | PlannedReceive
    | PlannedEnd
    | PlannedSignal
    | PlannedPause
    | PlannedLink
    | PlannedFill
    | PlannedAwait
    | PlannedLook,
    Field(discriminator="do"),
]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One action, and what a person should look at while it is taken."""

    act: Act
    about: str = ""


@dataclass(frozen=True, slots=True)
class StepDone:
    """One step of one probe as it was carried out."""

    line: int
    """Line in `steps.jsonl`, from 1."""
    probe: str
    """With `#N` for the Nth repetition."""
    number: int
    """From 1."""
    do: str
    """Kind of the step, as in its plan."""
    words: str
    """What it was to do."""
    look: str
    """Label, if it was a look; else empty."""
    begun_ns: int
    ended_ns: int
    came: bool
    """Whether what it had to wait for was seen; true where it had to wait for nothing."""
    why: str = ""
    """What was seen instead, or what the client was told."""

"""What was found out about a probe: its hops, how far it got, where TLS ended, and the evidence for each.

The words are the field's: a *hop* is one connection between two processes, a *route* the hops of one probe. A value
that is not known is None, never a guess; `open_questions` says what would tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Stage(StrEnum):
    """How far a request got, in this order. One word each."""

    SENT = "sent"
    """The client's kernel was asked to send; nothing of it was seen at the server's side."""
    ON_INTERFACE = "on interface"
    """A packet of it was seen on an interface of the receiving namespace."""
    REFUSED = "refused"
    """The receiving kernel answered with a reset (RFC 9293, section 3.5.2)."""
    DROPPED = "dropped"
    """Packets were seen and never answered."""
    ESTABLISHED = "established"
    """The kernel finished the handshake; no process owns the connection."""
    ACCEPTED = "accepted"
    """A process owns the connection; no byte of the request has come."""
    READABLE = "readable"
    """Bytes lie unread in the receive buffer."""
    READ = "read"
    """A process read bytes; nothing more is known."""
    TLS_UNFINISHED = "TLS handshake unfinished"
    TLS_ENDED = "TLS ended"
    HEAD_INCOMPLETE = "head incomplete"
    PARSED = "parsed"
    REJECTED = "rejected"
    """The answer was made by a component that did not hand the request on to a handler."""
    ROUTED = "routed"
    DISPATCHED = "dispatched"
    QUERIED = "queried"
    ANSWERED = "answered"


class Witness(StrEnum):
    """Who saw it. Two witnesses are independent if they are different members."""

    PACKETS = "packets"
    SOCKETS = "sockets"
    KERNEL = "kernel"
    PROCESSES = "processes"
    CERTIFICATES = "certificates"
    CLIENT = "client"
    LOGS = "logs"
    APPLICATION = "application"


class TlsAtHop(StrEnum):
    """What the process that received a hop did with TLS on it."""

    ENDED = "ended"
    PASSED_THROUGH = "passed through"
    BEGUN = "begun"
    """The hop carries readable bytes in and the receiver began TLS on the next hop."""
    NONE = "none"


class About(StrEnum):
    """What an observation speaks of, so that a check can cite what its value was read from."""

    CONNECTION = "connection"
    """Between which addresses, taken or refused."""
    LISTENER = "listener"
    PROCESS = "process"
    """Who had the socket, read and wrote."""
    BYTES = "bytes"
    """What the first bytes were: a ClientHello, readable HTTP."""
    CERTIFICATE = "certificate"
    HANDLER = "handler"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One observation cited: who saw it, where it can be looked up, and what it says in words."""

    witness: Witness
    where: str
    """`packets/web.pcapng:12` (frame number, from 1), `sockets.jsonl:3` (line, from 1)."""
    says: str
    about: About | None = None
    """None: of none of these, or of several."""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two witnesses that cannot both be right about one thing; shown, never resolved by preference."""

    about: str
    one: Evidence
    other: Evidence


@dataclass(frozen=True, slots=True)
class Hop:
    """One connection between two processes, and the process that received it."""

    number: int
    """From 1: the client's own connection. A hop stands behind the one whose receiver sent it, siblings in order of time."""
    transport: str
    """`tcp` or `udp`."""
    local: str | None
    """The receiving socket's own address, `10.0.1.25:8443`, as the receiving namespace sees it."""
    peer: str | None
    asked: str
    """The address that the sender asked for; it differs from `local` where an address was rewritten."""
    container: str | None
    """The container of the receiving process; None: no process received it. The engine's host is `host`."""
    namespace: str | None
    interface: str | None
    listener: str | None
    """The listening socket's address that took the connection, from the kernel's table."""
    process: str | None
    """The receiving process's executable name."""
    pid: int | None
    """In the container's own pid namespace."""
    host_pid: int | None
    pid_candidates: tuple[int, ...] = ()
    """Host pids of all that could have accepted, when no witness tells which one did."""
    protocol: str | None = None
    """`tls`, `http/1.1`, `http/1.0`, `h2`, `fastcgi`, `polled`, `proxy`, `postgresql`, `bytes`; None when no byte was seen."""
    tls: TlsAtHop | None = None
    sni: str | None = None
    alpn_offered: tuple[str, ...] = ()
    alpn: str | None = None
    """ALPN selected, where a witness could see it."""
    clear: bool | None = None
    """Whether the probe's own bytes could be read on this hop."""
    stage: Stage = Stage.SENT
    received: bool | None = None
    """Whether a process had the connection; None: no witness could tell, and then `container` None says nothing."""
    stage_open: str = ""
    """Why it may have got further on this hop than `stage`; empty: it did not."""
    code: int | None = None
    """Status of the answer that came back on it, where it can be read."""
    connection: str | None = None
    """`new`, or `kept`: it was there before the client's own connection; of the client's own, before the capture."""
    session: str | None = None
    """Of TLS: `new`, with a certificate of the receiver's, or `resumed`, without one. None: no TLS, or it cannot be told."""
    early: str | None = None
    """Of TLS: `taken`, the request came as early data and the receiver took it; `refused`, it did not; `none`, it was not early
    data. None: no TLS, or it cannot be told."""
    shows: str | None = None
    """Whose certificate the sender showed: a container's, `client`, `none`, or `a stranger`'s. None: no TLS, or it cannot be
    read, as under TLS 1.3."""
    joined_by: str | None = None
    """What ties this hop to the one before it: `same ClientHello`, `token in clear`, `same process wrote it`,
    `identical bytes`, `time alone`. None for the first."""
    entry: str | None = None
    """`direct`, `dnat` or `forwarder` for a connection that came from the host."""
    parent: int | None = None
    """Number of the hop whose receiver sent this one; None: the client did. Two hops with one parent are branches: a mirror,
    an attempt and the next one, a request of its own that a proxy makes (`auth_request`)."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class TlsEnd:
    """One place where TLS ended, counted from the client inwards."""

    hop: int
    container: str
    process: str | None
    pid: int | None
    address: str
    port: int
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a probe's timeline."""

    time_ns: int
    """Since the epoch."""
    since_ns: int
    """Since the probe's first packet; negative before it."""
    hop: int | None
    vantage: str
    """Namespace in which it was seen."""
    process: str
    """`nginx (pid 7) of proxy`, `kernel`, or `client`."""
    event: str
    """`SYN`, `accepted`, `read`, `wrote`, `unread`, `dispatched`, ..."""
    size: int | None
    """Bytes, where the event has any."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Counts:
    """What can be counted on a probe's own connections; None: no witness could tell."""

    connections: int | None = None
    addresses: int | None = None
    """From which the client's packets of its own connection came."""
    segments: int | None = None
    retransmitted: int | None = None
    disordered: int | None = None
    reads: int | None = None
    bytes_read: int | None = None
    unread: int | None = None
    requests: int | None = None
    dispatches: int | None = None
    answers: int | None = None
    interim: int | None = None
    """Interim responses (1xx), where they can be read."""
    queries: int | None = None
    streams: int | None = None
    resets: int | None = None
    upstreams: int | None = None
    evidence: tuple[tuple[str, Evidence], ...] = ()
    """Name of a count and an observation it rests on."""


@dataclass(frozen=True, slots=True)
class StreamTold:
    """One stream of a connection, and how far its request got."""

    name: str
    number: int
    stage: Stage
    dispatched: bool | None
    stage_open: str = ""
    """Why it may have got further than `stage`; empty: it did not."""
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How the receiver ended the client's connection, before the client did."""

    how: str
    """`closed` (FIN), `reset` (RST)."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Route:
    """All that was found out about one probe, or about a staged probe at one moment."""

    probe: str
    hops: tuple[Hop, ...]
    tls_ends_at: tuple[TlsEnd, ...]
    stage: Stage
    dispatched: bool | None
    """None: no witness could tell."""
    diagnosis: str
    """The diagnostic line: *only transport data*, *reached dispatch in ...*, or *stopped at ..., by ..., because ...*."""
    status: int | None = None
    """Status code of the answer that the client got."""
    answered_by: str | None = None
    """The container whose process wrote the answer first; None: nobody answered, or not known."""
    stopped_by: str | None = None
    """`kernel of NAMESPACE`, a container, or None if it was not stopped."""
    certificate_of: tuple[str, ...] = ()
    """Containers that hold the leaf which the client accepted."""
    certificate_open: str = ""
    """Why it is not known which leaf the client accepted."""
    evidence: tuple[Evidence, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()
    open_questions: tuple[str, ...] = field(default=())
    moment: str = ""
    """Label of the look up to which the evidence was used; empty: all of it."""
    stage_open: str = ""
    """Why it may have got further than `stage`: a witness that would tell is missing. Empty: it did not."""
    route_open: str = ""
    """Why it may have been carried on further than `hops` show. Empty: it was not."""
    counts: Counts = Counts()
    body: bytes = b""
    """Of the client's answer."""
    timeline: tuple[Moment, ...] = ()
    timeline_open: str = ""
    """Which witness's lines may be missing in it. Empty: none."""
    ending: Ending | None = None
    """None: it was still open when the client ended it, or when the evidence ends."""
    database: tuple[Hop, ...] = ()
    """Connections on which the handler asked a database for this request; its own traffic, and no hops of the request."""
    streams: tuple[StreamTold, ...] = ()
    """Of a probe on several streams of one connection: each, in the order in which they were opened. The route is that of the
    last."""

    def behind(self, number: int | None) -> tuple[Hop, ...]:
        """The hops that the receiver of hop `number` sent, in order of time; of None, the client's own."""
        return tuple(hop for hop in self.hops if hop.parent == number)

"""A scenario as a person writes it: one YAML file, one arrangement, its probes and what must be seen.

The schema is strict: an unknown key, a wrong type or a name that nothing defines is an error of the person's,
reported with file, line and column by `lab.scenario`. Values are data only; nothing in a scenario is ever
evaluated as a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lab.model.routes import Stage

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""A name of a container, namespace, network, probe or twin: lower case, digits, dashes; a DNS label."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HostName = Annotated[str, StringConstraints(max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
"""A DNS name in lower case (RFC 1123, section 2.1)."""

Running = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
"""A name of a container as a container engine or compose allows it; those of the lab's own arrangements are a `Name`."""

Claim = Annotated[str, StringConstraints(pattern=r"^C[0-9]{2}$")]
Port = Annotated[int, Field(ge=1, le=65535)]

Address = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}$")]
"""`127.0.0.1:3000`, `[::]:8443` or, where a name is allowed, `app:3000`."""

TextLine = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")]
"""One line of text: no control characters, so it can neither end a directive, nor start a header, nor move a cursor."""

Prose = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$")]
"""Text of several lines for people."""

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~!&'()*+,=:@%/-]*$")]
"""A path prefix without quotes, blanks, braces, `$`, `;` or `#`: nothing that a server's configuration would read."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Tls(StrEnum):
    """What a listener does with TLS (the Gateway API's words: terminate, passthrough)."""

    NONE = "none"
    ENDED = "ended"
    PASSTHROUGH = "passthrough"


class Each(_Strict):
    """`{each: [nginx, haproxy]}` in place of a server: the scenario becomes one case per server."""

    each: Annotated[tuple[Name, ...], Field(min_length=2)]


class Network(_Strict):
    """One container network. It is internal (no way out) unless a port of a namespace on it is published."""

    subnet: str | None = None
    """A fixed subnet such as `10.0.1.0/24`, only where an address in it is the point; else one is chosen."""


class Attachment(_Strict):
    """How a namespace stands on a network."""

    address: str | None = None
    """A fixed address inside the network's fixed subnet."""


class Publish(_Strict):
    """A port of a namespace published on the engine's host.

    `loopback` publishes on 127.0.0.1: host-local traffic goes through the engine's port forwarder.
    `gateway` publishes on the network's own gateway address, which exists on this host only: traffic from the
    host is rewritten by the kernel (DNAT) and no forwarder touches it.
    """

    port: Port
    host_port: Port | None = None
    """Chosen by the engine when absent."""
    on: Literal["loopback", "gateway"] = "loopback"


class Namespace(_Strict):
    """One network namespace: its addresses, its loopback, its socket table. Containers run in it."""

    networks: tuple[Name, ...] | dict[Name, Attachment] = ()
    """Names of networks; empty: the scenario's only network, or `lab` if it names none."""
    names: tuple[HostName, ...] = ()
    """DNS names under which the others on its networks find it, beside its own name."""
    publish: tuple[Publish, ...] = ()


class UpstreamTls(_Strict):
    """TLS towards the upstream, always verified against the run's own CA."""

    name: HostName
    """The name that the upstream's certificate must carry; also sent as SNI."""


class Rule(_Strict):
    """Where a listener sends what it gets. The first rule whose conditions all hold is taken."""

    to: Address
    """Upstream: an IP address or the name of a namespace or container, and a port."""
    sni: HostName | None = None
    host: HostName | None = None
    path: UrlPath | None = None
    """A prefix of the request's path."""
    tls: Literal[Tls.ENDED, Tls.PASSTHROUGH] | None = None
    """Only with `sni`: overrides the listener's `tls` for this name."""
    upstream_tls: UpstreamTls | None = None
    fastcgi: UrlPath | None = None
    """Speak FastCGI to the upstream, which is to run this script (a path in its own container)."""
    http: Literal[2] | None = None
    """`2`: speak HTTP/2 to the upstream, by ALPN in TLS, by prior knowledge in clear; absent: HTTP/1.1."""
    send_proxy: bool = False
    """Begin each connection to the upstream with a PROXY line (version 1)."""


class Rate(_Strict):
    """A limit on requests; what exceeds it is refused by the server."""

    requests: Annotated[int, Field(ge=1, le=1000)]
    seconds: Annotated[int, Field(ge=1, le=60)] = 1


class Listen(_Strict):
    """One listener of a container."""

    on: Address
    transport: Literal["tcp", "udp"] = "tcp"
    """`udp`: a datagram service, which answers each datagram with one; with `tls: passthrough` and one route datagrams, QUIC's
    among them, are sent on as they are."""
    tls: Tls = Tls.NONE
    quic: bool = False
    """Ends TLS, and speaks HTTP/3 too, over QUIC on the same port of UDP; its answers say so (Alt-Svc, RFC 7838)."""
    names: tuple[HostName, ...] = ()
    """Names on the leaf certificate of a listener that ends TLS; empty: the names of its namespace."""
    alpn: Annotated[tuple[Literal["h2", "http/1.1"], ...], Field(max_length=2)] = ()
    """Protocols that a listener which ends TLS speaks, the one it prefers first (RFC 7301); absent: HTTP/1.1 alone."""
    h2c: bool = False
    """Speaks HTTP/2 in clear too, to whoever begins with its preface (RFC 9113, section 3.3: prior knowledge)."""
    routes: tuple[Rule, ...] = ()
    """Empty for a server that answers itself."""
    backlog: Annotated[int, Field(ge=0, le=4096)] | None = None
    """Length of the accept queue, as listen(2) takes it; absent: the server's own."""
    defer_accept: bool = False
    """The kernel hands a connection over only when it has data (tcp(7), TCP_DEFER_ACCEPT)."""
    reuse_port: bool = False
    """Each worker listens on a socket of its own (socket(7), SO_REUSEPORT)."""
    tls_version: Literal["1.2", "1.3"] | None = None
    """The only version of TLS with which it ends TLS; absent: both."""
    early_data: bool = False
    """Ends TLS and takes requests as early data, before the handshake is finished (0-RTT, RFC 8446, section 2.3); with `quic`
    over QUIC."""
    client_certificate: bool = False
    """Ends TLS and demands a certificate of the client, from the run's CA."""
    proxy_protocol: bool = False
    """Each connection must begin with a PROXY line."""
    only_known_names: bool = False
    """Ends TLS and refuses an SNI that is not among its names."""
    deny: tuple[UrlPath, ...] = ()
    """Path prefixes that are answered 403 here."""
    rate: Rate | None = None


class Limits(_Strict):
    """What a server allows of one request; what is absent is the server's own."""

    head_bytes: Annotated[int, Field(ge=256, le=1 << 20)] | None = None
    """Request line and fields together; a server may apply it to the largest line instead (its quirks say so)."""
    body_bytes: Annotated[int, Field(ge=0, le=1 << 30)] | None = None
    head_seconds: Annotated[int, Field(ge=1, le=60)] | None = None
    """Until the head must be complete."""
    body_seconds: Annotated[int, Field(ge=1, le=60)] | None = None
    """Between two pieces of the body."""


class Database(_Strict):
    """The PostgreSQL server that an application asks, and when its connection is opened."""

    address: Address
    pool: Literal["lazy", "eager"] = "lazy"
    """`eager`: at start, before it listens; `lazy`: when a handler first needs it. It is kept either way."""


class File(_Strict):
    """A file put into a container before it starts: its text, or a file beside the scenario."""

    content: str | None = None
    source: str | None = None
    """A path relative to the scenario file; it may not leave that folder."""


class Container(_Strict):
    """One container: a server of the lab with a generated configuration, the same with a configuration of the
    user's own, or any other image."""

    namespace: Name | None = None
    """The namespace it runs in; absent: one of its own, under its own name."""
    server: Name | Each | None = None
    image: TextLine | None = None
    listen: tuple[Listen, ...] = ()
    config: str | None = None
    """A configuration file of the user's own (path relative to the scenario file), taken as it is."""
    command: tuple[str, ...] = ()
    workers: Annotated[int, Field(ge=1, le=16)] | None = None
    """Worker processes; absent: the server's own number."""
    limits: Limits = Limits()
    database: Address | Database | None = None
    """For the lab's application: a PostgreSQL server that the handler of `/query` asks before it answers."""
    environment: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}
    files: dict[Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]+$")], File] = {}


Bytes = Annotated[str, StringConstraints(pattern=r"^[\x00-\xff]*$")]
"""Characters U+0000 to U+00FF, each one byte (write them with YAML's double-quoted escapes)."""

Await = Literal["nothing", "arrived", "unread", "accepted", "read", "settled", "closed"]
"""What can be waited for on the probe's own connection, from the kernel's socket table: `arrived`, the receiving kernel has
acknowledged all; `unread`, bytes lie in the receive buffer; `accepted`, a process owns the connection; `read`, all bytes
were taken; `settled`, nothing moves any more in any namespace of the arrangement; `closed`, the peer has ended its side."""


class Range(_Strict):
    """A number between two bounds."""

    at_least: Annotated[int, Field(ge=0)] = 0
    at_most: Annotated[int, Field(ge=0)] | None = None


Count = Annotated[int, Field(ge=0)] | Range


class ClientTls(_Strict):
    """The client's side of TLS for exact bytes."""

    sni: HostName | None = None
    alpn: tuple[TextLine, ...] = ()
    verify: bool = True
    """Against the run's CA, and against `sni`."""
    certificate: Literal["none", "good", "untrusted"] = "none"
    """What the client shows of itself: a certificate of the run's CA, or one of a CA that nobody knows."""
    version: Literal["1.2", "1.3"] | None = None
    """The only version offered; absent: both."""
    resume: bool = False
    """Resume the session that the client's last connection to this place left behind, if it left one."""
    early: Bytes = ""
    """With `resume`: send these bytes as early data, behind the ClientHello, and again behind the handshake where the server
    does not take them; where the session allows none, only then. In a step the handshake waits for a later `tls: rest`."""
    stop_after: Annotated[int, Field(ge=1, le=16384)] | None = None
    """Only in a step: send so many bytes of the ClientHello and hold the others back, for a later step `tls: rest`."""


class Request(_Strict):
    """An ordinary request, sent by an ordinary HTTP client."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,16}$")] = "GET"
    headers: dict[Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")], TextLine] = {}
    body: str = ""
    http: Literal["1.1", 2, 3] | None = None
    """The only version offered: `2` by ALPN in TLS, by prior knowledge in clear; `3` over QUIC. Absent: HTTP/1.1; with
    `target: running` both over TLS, 1.1 in clear."""
    streams: Annotated[int, Field(ge=1, le=100)] = 1
    """With `http: 3`: so many such requests at once, on streams of one connection."""
    early_data: bool = False
    """With `http: 3`: resume the session that the client's last connection to this place left, and send the request as early
    data if that session allows it."""
    new_port: bool = False
    """With `http: 3`: after the first answer the client goes on from another port, on the same connection."""
    alt_svc: bool = False
    """Take the alternative service that an earlier answer of this origin announced to this client (RFC 7838), if one did."""
    connect_to: Address | None = None
    """Where to connect instead of the URL's host and port; SNI and Host stay the URL's."""
    verify: bool = True
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for connecting and for each read."""
    proxy: Address | None = None
    """With `target: running`: a proxy that is asked to CONNECT, or, in clear, to fetch."""
    marked: bool = True
    """With `target: running`: false sends no header `Lab-Probe`; identical bytes and time must do then."""
    ca: TextLine | None = None
    """With `target: running`: a PEM file of certificate authorities that are trusted too; a path from the scenario's folder."""
    certificate: TextLine | None = None
    """With `target: running`: a PEM file with the client's certificate, and its key if there is no `key`."""
    key: TextLine | None = None
    """With `target: running`: a PEM file with the certificate's key."""


class Exact(_Strict):
    """Exact bytes on a connection, never repaired."""

    connect_to: Address
    transport: Literal["tcp", "udp"] = "tcp"
    """`udp`: `send` is one datagram."""
    send: Bytes = ""
    tls: ClientTls | None = None
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0


class Send(_Strict):
    """Bytes to send in several pieces, each in a segment of its own."""

    bytes: Bytes
    pieces: tuple[Annotated[int, Field(ge=1)], ...] = ()
    """Sizes of the pieces; what is left is the last one. Empty: one piece. `[1]` with `each`: one byte at a time."""
    each: bool = False
    """Repeat the last size until nothing is left."""
    await_: Annotated[Await, Field(alias="await")] = "arrived"
    """What must be seen of each piece before the next step. When absent, `arrived` sets the pace, and is not demanded."""


FieldName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]


class Stream(_Strict):
    """One request on a stream of its own (RFC 9113, section 8.1), with a token of its own."""

    name: Name
    """How later steps and expectations call it."""
    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,16}$")] = "GET"
    path: UrlPath = "/"
    host: HostName | None = None
    """For `:authority`; absent: the name of the step `tls`, or the host that `connect` names."""
    headers: dict[FieldName, TextLine] = {}
    body: Bytes = ""
    end: bool = True
    """False: END_STREAM is not sent, so the request stays open for a later `data`."""


class StreamData(_Strict):
    """More of a stream's body."""

    stream: Name
    bytes: Bytes = ""
    end: bool = False
    """With END_STREAM."""


class Connect(_Strict):
    """A connection that need not come to be at once."""

    to: Address
    await_: Annotated[Literal["established", "nothing"], Field(alias="await")] = "established"
    """`nothing`: go on when the SYN was sent; the first later step that needs the connection waits for it."""


Numbers = tuple[Annotated[int, Field(ge=1)], ...]

Segments = Numbers | Literal["all", "data", "syn", "ack", "fin", "rst"]
"""Segments with payload, counted from 1 from the step on, retransmissions too; or every segment of a kind, however often it is
sent: `data`, with payload; `syn`, `fin`, `rst`, with that flag (SYN-ACK has SYN); `ack`, that acknowledges and says nothing
else; `all`."""


class Link(_Strict):
    """What becomes of segments that come into a namespace (`client` too, for answers), from this step on.

    What is lost is lost behind the interface, where the recorder still sees it, and before the transport: the capture has the
    segment and its retransmission. What comes later is held back where it is sent, in every namespace of the arrangement (not
    on the engine's host), so the interface sees nothing of it until it comes; `late` and `hold` count segments as they are
    sent, `lose` as they come in. The next `link` of the namespace replaces it, and lets go what is held; with `into` alone
    nothing is touched any more.
    """

    into: Name
    port: Port | None = None
    """Destination port; absent: all."""
    lose: Segments = ()
    late: Numbers = ()
    """Held back until the one after it has passed, for two seconds at most; that one must not wait for it to arrive."""
    hold: Segments = ()
    """Held back until the next `link` of the namespace. What the sender's kernel repeats meanwhile is held with it."""
    delay: Annotated[float, Field(gt=0, le=10)] | None = None
    """Seconds by which every segment comes later, in its order."""


class Signal(_Strict):
    """Some processes of a container: all of them, or one."""

    container: Name
    process: Literal["all", "first", "last", "receiver"] = "all"
    """`first` and `last` by start time; `receiver`: the process that holds this probe's connection."""


class HopExpect(_Strict):
    """What must be seen of one hop; only what is given is checked."""

    to: Running
    listener: Address | None = None
    local: Address | None = None
    process: TextLine | None = None
    """Name of the receiving program, as the kernel names its executable: `nginx`, `haproxy`, `envoy`, `python3`."""
    protocol: Literal["tls", "quic", "http/1.0", "http/1.1", "h2", "fastcgi", "polled", "bytes"] | None = None
    tls: Literal["ended", "passed through", "begun", "none"] | None = None
    sni: HostName | None = None
    alpn_offered: tuple[TextLine, ...] | None = None
    """Protocols that the sender offers in its ClientHello (ALPN, RFC 7301), in its order; everybody can read them."""
    alpn: TextLine | None = None
    """The one that the receiver chose. Under TLS 1.3 only the client of a hop and its receiver know."""
    connection: Literal["new", "kept"] | None = None
    """`kept`: it was there before the client's own connection was opened."""
    session: Literal["new", "resumed"] | None = None
    """Of TLS: begun with a certificate, or an earlier one resumed without."""
    early: Literal["taken", "refused", "none"] | None = None
    """Of TLS: whether the request came as early data and the server took it, refused it so that it was sent again behind the
    handshake, or it never was early data."""
    shows: Name | None = None
    """Whose certificate the sender shows: a container, `client` or `none`. Under TLS 1.3 nobody between can read it."""
    sent_by: Running | None = None
    """Who sent it: a container, or `client`. Two hops from one sender are branches: a mirror, an attempt and the next one."""


class Expect(_Strict):
    """What must be seen of a probe. Each key given becomes one check, `<probe>.<key>`."""

    stage: Stage | None = None
    dispatched: bool | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    answered_by: Running | None = None
    """The container whose process wrote the answer that the client got."""
    route: tuple[Running | HopExpect, ...] | None = None
    """The receivers, hop by hop, from the client to the last process that got the request."""
    receiver: Running | None = None
    tls_ends_at: tuple[Running, ...] | None = None
    """Containers in which TLS ended, from the client inwards; empty: nowhere."""
    certificate: Name | None = None
    """The container that holds the leaf which the client accepted."""
    clear_on: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Numbers of the hops on which the probe's own bytes could be read in clear."""
    entry: Literal["direct", "dnat", "forwarder"] | None = None
    """How a request from the host came into the container's namespace."""
    stopped_by: str | None = None
    """`kernel of NAMESPACE` or a container's name."""
    unread: Count | None = None
    """Bytes in the receive buffer of the socket that the client's connection leads to."""
    bytes_read: Count | None = None
    """Bytes that the first receiver took from its socket, by the kernel."""
    reads: Count | None = None
    """Reads of the first receiver that gave bytes."""
    segments: Count | None = None
    """Segments (or datagrams) with payload that came to the first receiver's interface, retransmissions included."""
    retransmitted: Count | None = None
    """Segments among them whose bytes had come before."""
    disordered: Count | None = None
    """Segments among them that came before bytes that precede theirs."""
    connections: Count | None = None
    """Connections that the client opened."""
    addresses: Count | None = None
    """Addresses and ports from which the client's packets of its connection came: more than one where it moved (QUIC)."""
    requests: Count | None = None
    """Whole request heads on those connections."""
    dispatches: Count | None = None
    """Times that a handler was entered for them, each held against a read of the kernel."""
    answers: Count | None = None
    """Final answers (1xx not counted) that came back on them."""
    interim: Count | None = None
    """Interim responses (1xx, 101 excepted) that came back on them, where they can be read."""
    queries: Count | None = None
    streams: Count | None = None
    """Streams of HTTP/2 or 3 that were opened on the client's connection, by the packets; inside TLS decrypted with its
    secrets."""
    resets: Count | None = None
    """Streams among them that the client reset."""
    upstreams: Count | None = None
    """Connections on which the first receiver sent on what came on the client's connection."""
    by_stream: dict[Name, Stage] | None = None
    """How far each stream's request got, by the stream's name; no more streams and no fewer."""
    """Queries that the handler sent to a database for it."""
    answer: TextLine | None = None
    """Text that the answer's body contains. It shows what a server claims, and proves nothing else."""
    diagnosis: TextLine | None = None
    """Text that the diagnostic line contains."""
    order: tuple[TextLine, ...] | None = None
    """Events that follow one another in the timeline, as its last receiver's namespace saw them; each by how it begins."""
    tally: dict[Stage, Count] | None = None
    """For a repeated probe: how many got how far; a stage that is not named must not occur."""


class Step(_Strict):
    """One step of a staged probe: one action. Steps advance on what is observed, never on time alone."""

    about: TextLine = ""
    """What to look at, for a person who goes through the probe step by step."""
    connect: Address | Connect | None = None
    """Open the connection. Where a later step `tls` offers `h3`, it is one of QUIC, and begins there."""
    tls: ClientTls | Literal["rest"] | None = None
    """`rest`: what `stop_after` held back, and on to the end of the handshake."""
    send: Bytes | Send | None = None
    streams: Annotated[tuple[Stream, ...], Field(min_length=1, max_length=100)] | None = None
    """Speak HTTP/2, or HTTP/3 where the step `tls` offers `h3` alone: open these streams, all in one write."""
    data: StreamData | None = None
    """Send DATA of an open stream."""
    reset_stream: Name | None = None
    """Send RST_STREAM (CANCEL) for a stream; over HTTP/3 RESET_STREAM and STOP_SENDING (H3_REQUEST_CANCELLED)."""
    receive: Annotated[int, Field(ge=1, le=100)] | None = None
    """Read so many whole answers; ends early when the peer closes or nothing comes within the probe's `timeout`."""
    do: Literal["half-close", "reset", "close"] | None = None
    freeze: Name | Signal | None = None
    """Stop processes (SIGSTOP)."""
    thaw: Name | Signal | None = None
    kill: Name | Signal | None = None
    """SIGKILL. Faults last until a step undoes them or the case is over."""
    pause: Name | None = None
    """Pause a container (the engine's freezer)."""
    unpause: Name | None = None
    link: Link | None = None
    fill: Address | None = None
    """Open connections to this listener until its accept queue is full."""
    await_: Annotated[Await | None, Field(alias="await")] = None
    look: Name | None = None
    """Wait until nothing moves any more, take a snapshot of all witnesses, and judge what is known at this moment."""
    expect: Expect | None = None
    """Only with `look`: what must be seen at this moment."""


class Probe(_Strict):
    """One request and what must be seen of it: an ordinary request, exact bytes, or a list of steps."""

    from_: Annotated[Running, Field(alias="from")] = "client"
    """`client` (a container of its own on all networks), `host`, or a namespace: from inside it, loopback included. With
    `target: running` a container in the place of a namespace."""
    via: Literal["name", "published", "gateway", "direct"] = "name"
    """For `from: host`: connect to the port published on 127.0.0.1, on the gateway address, or to the namespace's
    own address. Everywhere else a name or address is used as it stands."""
    request: Request | None = None
    exact: Exact | None = None
    steps: tuple[Step, ...] = ()
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds that each of its steps may take."""
    repeat: Annotated[int, Field(ge=1, le=1000)] = 1
    """Send it so many times, each on a connection of its own; expectations hold for each of them, `tally` counts them."""
    expect: Expect = Expect()
    """What must be seen when it is over."""


class Twin(_Strict):
    """The same arrangement with one thing wrong, and the failure that must be reported."""

    about: TextLine
    change: dict[str, object]
    """A JSON merge patch (RFC 7396) over the scenario."""
    caught: Annotated[dict[str, TextLine], Field(min_length=1)]
    """Check id -> words that the reported failure must contain. Exactly these checks must fail."""


class Scope(_Strict):
    """With `target: running`: which running containers are looked into; nothing: all."""

    project: TextLine | None = None
    """A compose project."""
    containers: tuple[Running, ...] = ()
    """Names, as the engine or compose has them."""


class Scenario(_Strict):
    """One arrangement, its probes, its expectations, the claims it proves, and its broken twins."""

    id: Name
    title: TextLine
    about: Prose = ""
    target: Literal["running"] | None = None
    """`running`: containers that run already are looked into. Nothing is started or changed, so there is nothing but `scope`
    and probes. Absent: the arrangement that the scenario describes."""
    scope: Scope = Scope()
    claims: tuple[Claim, ...] = ()
    networks: dict[Name, Network] = {}
    namespaces: dict[Name, Namespace] = {}
    containers: dict[Name, Container] = {}
    probes: dict[Name, Probe] = {}
    listening: dict[Name, tuple[Address, ...]] = {}
    """Container -> the listeners that its processes must hold in the kernel's socket table, no more and no fewer."""
    variants: dict[Name, dict[str, object]] = {}
    """Server of an `each` -> a JSON merge patch (RFC 7396) for its case: where servers differ, and the difference is known."""
    twins: dict[Name, Twin] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario under one server, or one twin of it: what is carried out and judged."""

    id: str
    """`<scenario>`, `<scenario>.<server>`, with `~<twin>` appended for a twin."""
    scenario: Scenario
    """After the choice of servers, and after the twin's change."""
    twin: str | None
    file: str
    check_lines: tuple[tuple[str, int], ...]
    """Id of each check of this case, and the line on which its expectation stands."""

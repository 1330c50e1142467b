"""What the witnesses saw, as read back from a run folder. The only input of `lab.trace`.

Times are nanoseconds since the epoch (CLOCK_REALTIME of the engine's machine); packets, kernel events and socket
snapshots share that clock. Endpoints are `(address, port)`, the address as text in its canonical form, an
IPv4-mapped IPv6 address written as IPv4.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict

Endpoint = tuple[str, int]

BASE64 = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
"""Bytes in JSON are URL-safe base64."""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a namespace."""

    index: int
    name: str
    addresses: tuple[str, ...]
    """Without prefix length."""


@dataclass(frozen=True, slots=True)
class SeenNamespace:
    """One network namespace, named by the inode that the kernel gives it."""

    name: str
    """The lab's name for it, or the container's for a foreign one; `host` for the engine's own."""
    inode: int
    interfaces: tuple[Interface, ...]


@dataclass(frozen=True, slots=True)
class SeenContainer:
    """One container as the engine reports it."""

    name: str
    """The short name (`proxy`), not the engine's object name."""
    object_name: str
    id: str
    """64 hex digits; the process's cgroup path carries it."""
    image: str
    image_id: str
    pid: int
    """Host pid of its first process; 0 when it does not run."""
    namespace: str
    """Name of its network namespace."""
    labels: tuple[tuple[str, str], ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """A leaf certificate whose private key the engine put into a container, or gave to the client to show (`client`)."""

    sha256: str
    """Of the DER form, hex."""
    container: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PublishedPort:
    """A port the engine published, as the engine reports it (not as it was asked for)."""

    namespace: str
    container_port: int
    host_address: str
    host_port: int


@dataclass(frozen=True, slots=True)
class Inventory:
    """What there was: reported by the engine and the kernel, never by a configuration."""

    namespaces: tuple[SeenNamespace, ...]
    containers: tuple[SeenContainer, ...]
    certificates: tuple[SeenCertificate, ...] = ()
    published: tuple[PublishedPort, ...] = ()


@dataclass(frozen=True, slots=True)
class Packet:
    """One TCP segment or UDP datagram, or a kernel's refusal of one, as an AF_PACKET socket saw it."""

    namespace: str
    file: str
    """`packets/web.pcapng`, relative to the case folder."""
    number: int
    """Frame number in that file, from 1: what an analyser shows."""
    time_ns: int
    interface: str
    outgoing: bool
    """Sent by this namespace (PACKET_OUTGOING). On loopback each packet is kept once, as incoming."""
    transport: str
    """`tcp` or `udp`; `icmp` for "port unreachable", its ends those of the datagram that it answers, the other way round."""
    source: Endpoint
    destination: Endpoint
    payload: bytes
    flags: str = ""
    """TCP flags, of `SFRPAUEC` in this order: `S`, `SA`, `A`, `FA`, `R`, `RA`, `PA`."""
    seq: int = 0
    ack: int = 0


@dataclass(frozen=True, slots=True)
class SocketRow:
    """One row of the kernel's socket table (inet_diag) at one moment."""

    line: int
    """Line in `sockets.jsonl`, from 1."""
    time_ns: int
    look: str
    """Label of the snapshot: `ready`, `<probe>`, `end`."""
    namespace: str
    transport: str
    state: str
    """`LISTEN`, `ESTAB`, `SYN-RECV`, `TIME-WAIT`, ... as ss prints them; `UNCONN` for an unconnected UDP socket."""
    local: Endpoint
    peer: Endpoint
    inode: int
    """0: no process owns it (in the accept queue, TIME-WAIT, or closed by its owner)."""
    recv_q: int
    """LISTEN: connections waiting to be accepted; else unread bytes, of a datagram socket more than
    those: the kernel's own bookkeeping."""
    send_q: int
    """LISTEN: limit of the accept queue; else unacknowledged bytes."""
    holders: tuple[int, ...] = ()
    """Host pids that have a descriptor of this inode at that moment. Holding is not accepting."""


@dataclass(frozen=True, slots=True)
class UnixRow:
    """One UNIX socket (unix_diag) at one moment."""

    line: int
    """Line in `unix.jsonl`, from 1."""
    time_ns: int
    look: str
    namespace: str
    """In which it was made."""
    kind: str
    """`stream`, `datagram`, `packets`."""
    state: str
    """`LISTEN`, `ESTAB`, `UNCONN`."""
    path: str
    """As it was bound, as its maker sees it; empty: not bound; `@name`: abstract."""
    inode: int
    peer: int
    """Inode of the other end; 0: none."""
    recv_q: int
    send_q: int
    holders: tuple[int, ...] = ()
    """Host pids that have a descriptor of it."""


@dataclass(frozen=True, slots=True)
class SeenProcess:
    """One process, from /proc."""

    line: int
    """Line in `processes.jsonl`, from 1."""
    pid: int
    """Host pid."""
    namespace_pid: int
    """Pid in its innermost pid namespace."""
    parent: int
    """Host pid of its parent."""
    start: int
    """Start time in clock ticks since boot: with the pid, the process's identity."""
    name: str
    """Base name of its executable (`/proc/PID/exe`); empty: it had ended before anybody could look."""
    command: tuple[str, ...]
    namespace: str
    """Name of its network namespace; empty if it is none of those observed."""
    cgroup: str
    """Path that carries the container's id."""

    @property
    def called(self) -> str:
        """Its program in words."""
        return self.name or "an unknown program"


@dataclass(frozen=True, slots=True)
class KernelEvent:
    """One tracepoint hit, tied to its socket; or, where the host refuses tracepoints, one system call seen by strace.

    Tracepoints give all events but `connect`; their `socket` is the kernel's address (positive), and ends come with `state`,
    `retransmit` and resets only, so reads and writes are joined to them by `socket`. A datagram's socket changes no state:
    its reads and writes have no ends here. strace gives `connect`, `accept`, `read` and `write` of the servers' processes
    only; its `socket` is a number of our own (negative), one for each connection, and each event has both ends itself.
    """

    line: int
    """Line in `kernel.jsonl`, from 1."""
    time_ns: int
    event: str
    """`state`, `read`, `write`, `accept`, `ready` (data was put into the receive buffer and its waiters woken; of a listener: a
    connection was put into the accept queue), `retransmit`, `reset sent`, `reset received`; `connect` (by the process)."""
    pid: int
    """Host pid (thread group) in whose context it ran. For `state`, `ready`, `retransmit` and resets this says nothing about
    ownership: on loopback the server's ESTABLISHED runs in the client's context."""
    socket: int
    """Joins events of one socket; 0 for a tracepoint's `accept`, and where the kernel had none (a reset sent because nobody
    listens, a SYN-ACK sent again)."""
    namespace: str
    """Namespace of the process for `read`, `write`, `accept`, `connect`; empty for the others."""
    size: int = 0
    """Bytes read or written; the new descriptor for `accept`; negative: -errno."""
    old_state: str = ""
    new_state: str = ""
    """Names of include/net/tcp_states.h without `TCP_`: `CLOSE`, `LISTEN`, `SYN_SENT`, `ESTABLISHED`, ..."""
    local: Endpoint | None = None
    """The socket's own end; of a reset sent, the end in whose name it was sent."""
    peer: Endpoint | None = None
    transport: str = "tcp"
    """`tcp`, `udp`; `unix` for reads and writes of UNIX sockets, which have no ends here."""
    peek: bool = False
    """A read with MSG_PEEK: looked, not taken."""
    reason: str = ""
    """Of `reset sent`, in the kernel's words (include/net/rstreason.h): `NO_SOCKET`, `TCP_ABORT_ON_DATA`, `TCP_STATE`, ..."""


@dataclass(frozen=True, slots=True)
class SeenTls:
    """What the client saw of TLS."""

    version: str
    cipher: str
    alpn: str | None
    chain_sha256: tuple[str, ...]
    """Leaf first, DER, hex."""
    verified: bool
    early: str | None = None
    """What became of its early data: `taken`, `refused`, or `none` where the session allows none; None: it had none to send."""


@dataclass(frozen=True, slots=True)
class ClientError:
    """Why the client has no answer."""

    during: str
    """`resolve`, `connect`, `tls`, `send`, `receive`."""
    kind: str
    """`refused`, `timeout`, `reset`, `closed`, `unreachable`, `certificate`, `alert`, `other`."""
    text: str


@dataclass(frozen=True, slots=True)
class SentStream:
    """One stream of HTTP/2 or 3 as its client saw it."""

    __pydantic_config__ = BASE64

    stream: int
    """Its number (RFC 9113, section 5.1.1)."""
    name: str
    token: str
    """Its own, in the field `lab-probe`."""
    sent: bytes
    """Its request in the form of HTTP/1.1, as far as it was sent: on the wire fields are compressed."""
    status: int | None = None
    body: bytes = b""
    answered: bool = False
    """Its answer came whole."""
    reset: str = ""
    """Who reset it: `client`, `peer`; empty: nobody, or it was not read."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One line of a TLS key log (the NSS format), as the client wrote it for its own connections."""

    label: str
    """`CLIENT_RANDOM` (TLS 1.2), `CLIENT_TRAFFIC_SECRET_0`, `SERVER_HANDSHAKE_TRAFFIC_SECRET`, ..."""
    random: bytes
    """Of the ClientHello: names the connection."""
    secret: bytes


@dataclass(frozen=True, slots=True)
class ClientReport:
    """One probe as its client saw it."""

    __pydantic_config__ = BASE64

    line: int
    """Line in `client.jsonl`, from 1."""
    probe: str
    token: str
    """Random hex that the probe carries in its header `Lab-Probe`; empty for exact bytes."""
    namespace: str
    """Where the client ran."""
    asked: Endpoint
    """Where the connection was to go, name or address, and port."""
    started_ns: int
    finished_ns: int
    local: Endpoint | None
    peer: Endpoint | None
    sent: bytes
    """What the client wrote in clear: the head at least for an ordinary request, all of it for exact bytes."""
    tls: SeenTls | None
    status: int | None
    http_version: str | None
    """`1.0`, `1.1`."""
    headers: tuple[tuple[str, str], ...]
    body: bytes
    error: ClientError | None
    moment: str = ""
    """Label of the look at which a staged probe was when this was told; empty: it is over."""
    answers: int = 0
    """Whole final answers that it had got."""
    finished: bool = True
    """False: it had sent only a part of what it was to send."""
    streams: tuple[SentStream, ...] = ()
    """Of HTTP/2 in steps: its streams in the order in which they were opened; then `token` and `sent` are empty."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line a container wrote to its output."""

    file: str
    line: int
    time_ns: int
    container: str
    text: str


@dataclass(frozen=True, slots=True)
class AppEvent:
    """One report of the lab's own application: the only inside view, so it is held against the kernel's reads."""

    file: str
    line: int
    time_ns: int
    container: str
    event: str
    """`listening`, `accepted`, `tls`, `read`, `parsed`, `dispatched`, `queried`, `rejected`, `answered`, `closed`."""
    local: Endpoint | None
    peer: Endpoint | None
    token: str
    method: str
    target: str
    detail: str
    pid: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Evidence that is known to be missing: lost packets, lost events, a witness that the host refuses."""

    witness: str
    namespace: str
    why: str


@dataclass(frozen=True, slots=True)
class Observations:
    """All that was seen in one case."""

    inventory: Inventory
    packets: tuple[Packet, ...] = ()
    sockets: tuple[SocketRow, ...] = ()
    processes: tuple[SeenProcess, ...] = ()
    kernel: tuple[KernelEvent, ...] = ()
    clients: tuple[ClientReport, ...] = ()
    logs: tuple[LogLine, ...] = ()
    application: tuple[AppEvent, ...] = ()
    gaps: tuple[Gap, ...] = ()
    unix: tuple[UnixRow, ...] = ()
    secrets: tuple[Secret, ...] = ()
    """Of the clients' TLS sessions."""

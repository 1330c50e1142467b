"""A small language for observations: who stands where, and what passes over the wire.

    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    proxy = lab.container("proxy", "web", pid=7)
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8443), reader=proxy)
    talk.open().up(b"GET / HTTP/1.1...").down(b"HTTP/1.1 200 OK...").fin()

Each packet is seen where it left and where it arrived, as the recorder sees it; loopback keeps it once. `reader` and `writer`
give the kernel's timeline for the two sockets; without them it is silent, as on a host that refuses it.
"""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import trustme

from lab.model.observations import (
    AppEvent,
    ClientError,
    ClientReport,
    Endpoint,
    Gap,
    Interface,
    Inventory,
    KernelEvent,
    Observations,
    Packet,
    Secret,
    SeenCertificate,
    SeenContainer,
    SeenNamespace,
    SeenProcess,
    SeenTls,
    SocketRow,
)
from lab.trace import trace

if TYPE_CHECKING:
    from lab.model.routes import Route

STEP = 10_000
"""Nanoseconds between one packet and the next."""
TOKEN = "5f3a9c01deadbeef"  # noqa: S105 - a probe's token
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def get(token: str = TOKEN, target: str = "/orders") -> bytes:
    return f"GET {target} HTTP/1.1\r\nHost: shop.example\r\nLab-Probe: {token}\r\n\r\n".encode()


def answer(status: int) -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass(frozen=True)
class Process:
    container: str
    namespace: str
    pid: int
    """Host pid."""


class Lab:
    """Observations under construction; `clock` goes on with each thing that happens."""

    def __init__(self, **addresses: str) -> None:
        self.clock = 1_700_000_000_000_000_000
        self.addresses = addresses
        self.files: dict[str, count[int]] = {name: count(1) for name in addresses}
        self.lines: dict[str, count[int]] = {}
        self.sockets, self.isns = count(0xFFFF_0000, 64), count(4_294_960_000, 77_777)
        self.packets: list[Packet] = []
        self.rows: list[SocketRow] = []
        self.processes: list[SeenProcess] = []
        self.kernel: list[KernelEvent] = []
        self.secrets: tuple[Secret, ...] = ()
        self.clients: list[ClientReport] = []
        self.application: list[AppEvent] = []
        self.containers: list[SeenContainer] = []
        self.certificates: list[SeenCertificate] = []
        self.gaps: list[Gap] = []

    def tick(self, steps: int = 1) -> int:
        self.clock += STEP * steps
        return self.clock

    def line(self, file: str) -> int:
        return next(self.lines.setdefault(file, count(1)))

    def container(self, name: str, namespace: str, pid: int = 0, *more: int, program: str = "") -> Process:
        """A container with a process; `more` are further host pids in it."""
        pid = pid or 1000 + len(self.containers)
        identity = f"{len(self.containers) + 1:064x}"
        self.containers.append(SeenContainer(name, f"lab-{name}", identity, name, "sha256:0", pid, namespace))
        for each in (pid, *more):
            self.process(each, namespace, f"/docker/{identity}", program or name)
        return Process(name, namespace, pid)

    def process(
        self, pid: int, namespace: str, cgroup: str = "/system.slice/docker.service", name: str = "docker-proxy"
    ) -> Process:
        line = self.line("processes")
        self.processes.append(SeenProcess(line, pid, pid % 1000, 1, 5, name, (name,), namespace, cgroup))
        return Process("host", namespace, pid)

    def listen(self, at: Endpoint, *holders: Process, namespace: str = "", queue: int = 0) -> None:
        where = namespace or holders[0].namespace
        self.row(where, "LISTEN", at, ("0.0.0.0", 0), tuple(h.pid for h in holders), recv_q=queue, look="ready")

    def row(
        self, namespace: str, state: str, local: Endpoint, peer: Endpoint, holders: tuple[int, ...] = (), *, recv_q: int = 0,
        look: str = "probe", transport: str = "tcp", send_q: int = 0,
    ) -> None:  # fmt: skip
        line = self.line("sockets")
        inode = 5000 + line if holders else 0
        self.rows.append(
            SocketRow(line, self.clock, look, namespace, transport, state, local, peer, inode, recv_q, send_q, holders)
        )

    def tcp(self, source: str, client: Endpoint, target: str, server: Endpoint, **more: object) -> Conversation:
        return Conversation(self, source, client, target, server, **more)  # type: ignore[arg-type]

    def udp(
        self, source: str, client: Endpoint, target: str, server: Endpoint, data: bytes, *, back: bool = False,
        refusal: bool = False,
    ) -> None:  # fmt: skip
        """A datagram from `client` to `server` (`back`: the other way), or the kernel's refusal of one, seen at both ends."""
        ends, places = ((server, client), (target, source)) if back else ((client, server), (source, target))
        time, kind = self.tick(), "icmp" if refusal else "udp"
        for step, namespace in enumerate(places):
            number = next(self.files[namespace])
            self.packets.append(
                Packet(
                    namespace, f"packets/{namespace}.pcapng", number, time + step * 500, "eth0", step == 0, kind, *ends, data
                )
            )

    def event(self, kind: str, process: Process | None, socket: int, **more: object) -> None:
        namespace = process.namespace if process and kind != "state" else ""
        pid = process.pid if process else 0
        line = self.line("kernel")
        self.kernel.append(KernelEvent(line, self.clock, kind, pid, socket, namespace, **more))  # type: ignore[arg-type]

    def app(self, event: str, process: Process, talk: Conversation, token: str = TOKEN, detail: str = "") -> None:
        line = self.line("app")
        self.application.append(
            AppEvent(
                f"logs/{process.container}.log",
                line,
                self.clock,
                process.container,
                event,
                talk.landed,
                talk.arrives_from,
                token,
                "GET",
                "/orders",
                detail,
                1,
            )
        )

    def certificate(self, fingerprint: str, container: str) -> None:
        self.certificates.append(SeenCertificate(fingerprint, container, ("shop.example",)))

    def report(
        self,
        talk: Conversation | None,
        status: int | None = 200,
        *,
        sent: bytes | None = None,
        token: str = TOKEN,
        name: str = "order",
        leaf: str = "",
        error: ClientError | None = None,
        started: int | None = None,
        namespace: str = "client",
    ) -> None:
        """What the client says; it started before `talk`, and is done now."""
        tls = SeenTls("TLSv1.3", "x", None, (leaf,), True) if leaf else None
        self.clients.append(
            ClientReport(
                self.line("client"),
                name,
                token,
                talk.source if talk else namespace,
                talk.asked if talk else ("web", 80),
                started or (talk.begun if talk else self.clock) - STEP,
                self.tick(),
                talk.client if talk else None,
                talk.asked if talk else None,
                get(token) if sent is None else sent,
                tls,
                status,
                "1.1" if status else None,
                (),
                b"",
                error,
            )
        )

    def gap(self, witness: str, namespace: str = "", why: str = "3 were lost") -> None:
        self.gaps.append(Gap(witness, namespace, why))

    def seen(self) -> Observations:
        namespaces = tuple(
            SeenNamespace(name, 4000 + n, (Interface(1, "lo", ("127.0.0.1", "::1")), Interface(2, "eth0", tuple(a.split()))))
            for n, (name, a) in enumerate(self.addresses.items())
        )
        return Observations(
            Inventory(namespaces, tuple(self.containers), tuple(self.certificates)), tuple(self.packets), tuple(self.rows),
            tuple(self.processes), tuple(self.kernel), tuple(self.clients), (), tuple(self.application), tuple(self.gaps),
            secrets=self.secrets,
        )  # fmt: skip

    def routes(self) -> tuple[Route, ...]:
        return trace(self.seen())

    def route(self) -> Route:
        [route] = self.routes()
        return route


@dataclass
class Conversation:
    """One TCP connection from `source` to `target`."""

    lab: Lab
    source: str
    client: Endpoint
    target: str | None
    """None: nobody has the address."""
    server: Endpoint
    asked_for: Endpoint | None = None
    """What the client asked for, if the kernel rewrote it on the way (DNAT)."""
    landed_at: Endpoint | None = None
    """The socket's own end, if the receiving kernel rewrote it (REDIRECT)."""
    came_from: Endpoint | None = None
    """The client's end as the target sees it (SNAT)."""
    reader: Process | None = None
    """Who has the server's socket, for the kernel's timeline."""
    writer: Process | None = None
    """Who has the client's."""
    acknowledged: bool = True
    """Whether the kernels acknowledge what they got at once."""
    begun: int = 0
    up_seq: int = 0
    down_seq: int = 0
    sockets: tuple[int, int] = field(default=(0, 0))

    def __post_init__(self) -> None:
        self.up_seq, self.down_seq = next(self.lab.isns) % 2**32, next(self.lab.isns) % 2**32
        self.sockets = next(self.lab.sockets), next(self.lab.sockets)

    @property
    def asked(self) -> Endpoint:
        return self.asked_for or self.server

    @property
    def landed(self) -> Endpoint:
        return self.landed_at or self.server

    @property
    def arrives_from(self) -> Endpoint:
        return self.came_from or self.client

    def open(self) -> Conversation:
        self.syn()
        self.packet("down", "SA")
        self.down_seq += 1
        self.packet("up", "A")
        if self.writer:
            # On loopback and elsewhere the server's change of state runs in whatever context the packet came in.
            self.state(0, self.writer, "SYN_SENT", "ESTABLISHED")
            self.state(1, self.writer, "SYN_RECV", "ESTABLISHED")
        elif self.reader:
            self.state(1, None, "SYN_RECV", "ESTABLISHED")
        return self

    def syn(self) -> Conversation:
        self.begun = self.begun or self.lab.clock + STEP
        if self.writer:
            self.lab.event(
                "state",
                self.writer,
                self.sockets[0],
                old_state="CLOSE",
                new_state="SYN_SENT",
                local=(self.client[0], 0),
                peer=self.asked,
            )
        self.packet("up", "S")
        self.up_seq += 1
        return self

    def silent(self, *, over: bool = True) -> Conversation:
        """A connection that its kernel is asked for, and of which no packet goes out; `over`: it was given up."""
        ends = {"local": (self.client[0], 0), "peer": self.asked}
        self.begun = self.lab.tick()
        self.lab.event("state", self.writer, self.sockets[0], old_state="CLOSE", new_state="SYN_SENT", **ends)
        self.lab.tick(300_000)
        if over:
            self.state(0, self.writer, "SYN_SENT", "CLOSE")
        return self

    def again(self) -> Conversation:
        """The SYN once more."""
        self.lab.tick(100_000)
        self.up_seq -= 1
        self.packet("up", "S")
        self.up_seq += 1
        return self

    def refuse(self) -> Conversation:
        self.packet("down", "RA")
        if self.writer:
            self.state(0, self.writer, "SYN_SENT", "CLOSE")
        return self

    def state(self, side: int, process: Process | None, old: str, new: str) -> None:
        ends = (self.client, self.asked) if side == 0 else (self.landed, self.arrives_from)
        self.lab.event("state", process, self.sockets[side], old_state=old, new_state=new, local=ends[0], peer=ends[1])

    def up(self, data: bytes, *, read: bool = True, size: int = 1400, lost: bool = False) -> Conversation:
        return self._say("up", data, self.writer, self.reader if read else None, size, lost=lost)

    def down(self, data: bytes, *, read: bool = True, size: int = 1400) -> Conversation:
        return self._say("down", data, self.reader, self.writer if read else None, size)

    def _say(
        self, way: str, data: bytes, writes: Process | None, reads: Process | None, size: int, *, lost: bool = False
    ) -> Conversation:
        near, far = self.sockets if way == "up" else self.sockets[::-1]
        if writes:
            self.lab.event("write", writes, near, size=len(data))
        for at in range(0, len(data), size):
            self.packet(way, "PA", data[at : at + size], lost=lost)
        if self.acknowledged and data and not lost:
            self.packet("down" if way == "up" else "up", "A")
        if reads:
            self.lab.tick()
            self.lab.event("read", reads, far, size=len(data))
        return self

    def fin(self, way: str = "up") -> Conversation:
        return self.packet(way, "FA")

    def packet(self, way: str, flags: str, payload: bytes = b"", *, lost: bool = False) -> Conversation:
        seq, ack = (self.up_seq, self.down_seq) if way == "up" else (self.down_seq, self.up_seq)
        near = (self.client, self.server) if way == "up" else (self.server, self.client)
        far = (self.arrives_from, self.server) if way == "up" else (self.server, self.arrives_from)
        places = (self.source, near), (self.target, far)
        if way == "down":
            places = (self.target, far), (self.source, near)
        time = self.lab.tick()
        if self.source == self.target:
            places = places[:1]
        for step, (namespace, ends) in enumerate(places):
            if namespace and not lost:
                self._put(namespace, ends, time + step * 500, flags, seq, ack, payload, outgoing=step == 0 and len(places) == 2)
        moved = len(payload) + ("F" in flags)
        self.up_seq += moved if way == "up" else 0
        self.down_seq += moved if way == "down" else 0
        return self

    def _put(
        self,
        namespace: str,
        ends: tuple[Endpoint, Endpoint],
        time: int,
        flags: str,
        seq: int,
        ack: int,
        payload: bytes,
        *,
        outgoing: bool,
    ) -> None:
        interface = "lo" if ends[0][0].startswith("127.") else "eth0"
        number = next(self.lab.files[namespace])
        self.lab.packets.append(
            Packet(
                namespace,
                f"packets/{namespace}.pcapng",
                number,
                time,
                interface,
                outgoing,
                "tcp",
                ends[0],
                ends[1],
                payload,
                flags,
                seq % 2**32,
                ack % 2**32 if "A" in flags else 0,
            )
        )


# TLS as OpenSSL speaks it


@cache
def authority() -> tuple[trustme.CA, trustme.LeafCert]:
    ca = trustme.CA()
    return ca, ca.issue_cert("shop.example")


class Tls:
    """A real TLS session on memory buffers: the bytes that each side would put on the wire."""

    def __init__(
        self,
        sni: str = "shop.example",
        alpn: tuple[str, ...] = ("http/1.1",),
        version: str = "TLSv1_3",
        keys: str = "",
        ciphers: str = "",
    ) -> None:
        ca, leaf = authority()
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ca.configure_trust(client)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(server)
        for context in (client, server):
            context.maximum_version = ssl.TLSVersion[version]
            if ciphers:
                context.set_ciphers(ciphers)
            if alpn:
                context.set_alpn_protocols(list(alpn))
        if keys:
            client.keylog_filename = keys
        self.up_in, self.up_out, self.down_in, self.down_out = (ssl.MemoryBIO() for _ in range(4))
        self.client = client.wrap_bio(self.down_in, self.up_out, server_hostname=sni)
        self.server = server.wrap_bio(self.up_in, self.down_out, server_side=True)

    def hello(self) -> bytes:
        return self._step(self.client, self.up_out, self.up_in)

    def reply(self) -> bytes:
        return self._step(self.server, self.down_out, self.down_in)

    def finish(self) -> bytes:
        return self._step(self.client, self.up_out, self.up_in)

    def request(self, data: bytes) -> bytes:
        self.client.write(data)
        out = self.up_out.read()
        self.up_in.write(out)
        return out

    def answer(self, data: bytes) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            self.server.read(65536)
        self.server.write(data)
        return self.down_out.read()

    def _step(self, side: ssl.SSLObject, out: ssl.MemoryBIO, into: ssl.MemoryBIO) -> bytes:
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
        data = out.read()
        into.write(data)
        return data


def speak(talk: Conversation, tls: Tls, request: bytes = b"", response: bytes = b"") -> Conversation:
    """A whole TLS session on a connection."""
    talk.up(tls.hello()).down(tls.reply()).up(tls.finish()).down(tls.reply())
    if request:
        talk.up(tls.request(request))
    if response:
        talk.down(tls.answer(response))
    return talk


def passed(lab: Lab, first: Conversation, second: Conversation, tls: Tls, request: bytes, response: bytes) -> None:
    """The same session on two connections, one behind the other."""
    for way, data in _session(tls, request, response):
        near, far = (first, second) if way == "up" else (second, first)
        getattr(near, way)(data)
        getattr(far, way)(data)


def _session(tls: Tls, request: bytes, response: bytes) -> list[tuple[str, bytes]]:
    steps = [("up", tls.hello()), ("down", tls.reply()), ("up", tls.finish()), ("down", tls.reply())]
    return [*steps, ("up", tls.request(request)), ("down", tls.answer(response))]


def without(seen: Observations, *, kernel: bool = False, sockets: bool = False) -> Observations:
    """The same, seen by fewer witnesses."""
    return replace(seen, kernel=() if kernel else seen.kernel, sockets=() if sockets else seen.sockets)

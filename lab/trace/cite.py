"""Observations as citations: who saw it, where it can be looked up, what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.model.routes import About, Evidence, Witness
from lab.trace.listeners import written

if TYPE_CHECKING:
    from lab.model.observations import AppEvent, ClientReport, KernelEvent, Packet, SeenProcess, SocketRow
    from lab.trace.flows import Flow


def packet(seen: Packet, says: str, about: About | None = None) -> Evidence:
    return Evidence(Witness.PACKETS, place(seen), says, about)


def begins(flow: Flow, says: str) -> Evidence:
    """Where a connection begins: its first packet, or what asked for it where no packet went out."""
    return kernel(flow.attempt.first, says, None) if flow.attempt else packet(flow.packets[0], says)


def place(seen: Packet) -> str:
    return f"{seen.file}:{seen.number}"


def row(seen: SocketRow) -> Evidence:
    holders = ", ".join(map(str, seen.holders))
    held = f"held by host pid {holders}" if holders else f"inode {seen.inode}, held by no process"
    says = f"{seen.state} {written(seen.local)} with {written(seen.peer)}, {held}, {seen.recv_q} bytes unread"
    return Evidence(Witness.SOCKETS, f"sockets.jsonl:{seen.line}", says, About.PROCESS if holders else None)


def listener(seen: SocketRow) -> Evidence:
    says = f"LISTEN on {written(seen.local)}, held by host pid {', '.join(map(str, seen.holders)) or 'none'}"
    return Evidence(Witness.SOCKETS, f"sockets.jsonl:{seen.line}", says, About.LISTENER)


def datagram_socket(seen: SocketRow, about: About | None = None) -> Evidence:
    waits = "something waits unread" if seen.recv_q else "nothing waits"
    holders = ", ".join(map(str, seen.holders)) or "none"
    says = f"socket for datagrams on {written(seen.local)}, held by host pid {holders}, {waits}"
    return Evidence(Witness.SOCKETS, f"sockets.jsonl:{seen.line}", says, about)


def queue(seen: SocketRow) -> Evidence:
    says = f"the accept queue of {written(seen.local)} is full: {seen.recv_q} wait, its limit is {seen.send_q}"
    return Evidence(Witness.SOCKETS, f"sockets.jsonl:{seen.line}", says)


def kernel(seen: KernelEvent, says: str, about: About | None = About.PROCESS) -> Evidence:
    return Evidence(Witness.KERNEL, f"kernel.jsonl:{seen.line}", says, about)


def process(seen: SeenProcess, container: str | None) -> Evidence:
    says = f"host pid {seen.pid} is {seen.called} in {container or 'no known container'}"
    return Evidence(Witness.PROCESSES, f"processes.jsonl:{seen.line}", says, About.PROCESS)


def client(seen: ClientReport, says: str, about: About | None = About.ANSWER) -> Evidence:
    return Evidence(Witness.CLIENT, f"client.jsonl:{seen.line}", says, about)


def application(seen: AppEvent) -> Evidence:
    says = " ".join(filter(None, (seen.container, "reports", seen.event, seen.method, seen.target, seen.detail)))
    return Evidence(Witness.APPLICATION, f"{seen.file}:{seen.line}", says, About.HANDLER)

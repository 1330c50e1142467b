"""The packet filter that runs in the kernel, as data (classic BPF).

Rule: what is not evidence never reaches the recorder. On loopback each packet passes a capture twice, going out and
coming in: the outgoing copy is dropped. On the host only the given ports pass; a machine's other traffic is nobody's
business. Source: Documentation/networking/filter.rst. Weak spot: a later fragment and an IPv6 packet with extension
headers have no port where it is looked for, and do not pass on the host.
"""

from __future__ import annotations

import ctypes
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

SO_ATTACH_FILTER = 26
OUTGOING = 4
"""PACKET_OUTGOING, packet(7)."""
LOOPBACK_INDEX = 1
"""The loopback is the first interface of every namespace."""

LOAD_WORD, LOAD_HALF, LOAD_BYTE, LOAD_HALF_X = 0x20, 0x28, 0x30, 0x48
LOAD_X, LOAD_X_IPV4_HEADER = 0x01, 0xB1
LOAD_SLOT, STORE = 0x60, 0x02
EQUAL, ANY_BIT, JUMP, RETURN = 0x15, 0x45, 0x05, 0x06
PACKET_TYPE, INTERFACE = 0xFFFFF004, 0xFFFFF008
"""SKF_AD_OFF + SKF_AD_PKTTYPE and + SKF_AD_IFINDEX."""
WHOLE = 0xFFFFFFFF


class Step(NamedTuple):
    """One instruction; jumps name a label, empty: the next instruction."""

    code: int
    constant: int
    true: str = ""
    false: str = ""
    label: str = ""


_ONCE = (
    Step(LOAD_WORD, PACKET_TYPE),
    Step(EQUAL, OUTGOING, false="wanted"),
    Step(LOAD_WORD, INTERFACE),
    Step(EQUAL, LOOPBACK_INDEX, false="wanted"),
    Step(RETURN, 0),
)

_PORTS = (
    Step(LOAD_HALF, 12, label="wanted"),  # Ethertype
    Step(EQUAL, 0x86DD, true="ipv6"),
    Step(EQUAL, 0x0800, false="drop"),
    Step(LOAD_HALF, 20),  # fragment offset
    Step(ANY_BIT, 0x1FFF, true="drop"),
    Step(LOAD_BYTE, 23),  # protocol
    Step(LOAD_X_IPV4_HEADER, 14),
    Step(JUMP, 0, true="transport"),
    Step(LOAD_BYTE, 20, label="ipv6"),  # next header
    Step(LOAD_X, 40),
    Step(EQUAL, socket.IPPROTO_TCP, true="ports", label="transport"),
    Step(EQUAL, socket.IPPROTO_UDP, true="ports"),
    Step(RETURN, 0, label="drop"),
    Step(LOAD_HALF_X, 14, label="ports"),
    Step(STORE, 0),
    Step(LOAD_HALF_X, 16),
    Step(STORE, 1),
)
"""Source port to slot 0, destination port to slot 1."""


def once_on_loopback() -> list[Step]:
    """Everything, but on loopback not the outgoing copy."""
    return [*_ONCE, Step(RETURN, WHOLE, label="wanted")]


def nothing() -> list[Step]:
    """Nothing at all."""
    return [Step(RETURN, 0)]


def only_ports(ports: Iterable[int]) -> list[Step]:
    """TCP and UDP over IPv4 and IPv6 with one of the ports at either end; not loopback's outgoing copy."""
    steps = [*_ONCE, *_PORTS]
    wanted = sorted(set(ports))
    for slot in (0, 1):
        steps.append(Step(LOAD_SLOT, slot))
        for port in wanted:
            steps += [Step(EQUAL, port, false=f"not {slot} {port}"), Step(RETURN, WHOLE)]
            steps.append(Step(JUMP, 0, label=f"not {slot} {port}"))
    return [*steps, Step(RETURN, 0)]


def assemble(steps: list[Step]) -> bytes:
    """`struct sock_filter[]`, linux/filter.h. An unconditional jump goes to `true`."""
    places = {step.label: number for number, step in enumerate(steps) if step.label}
    return b"".join(_coded(step, number, places) for number, step in enumerate(steps))


def attach(target: socket.socket, steps: list[Step]) -> None:
    """Give the socket this filter, replacing an earlier one. Raises OSError."""
    code = ctypes.create_string_buffer(assemble(steps))
    target.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(steps), ctypes.addressof(code)))


def _coded(step: Step, number: int, places: dict[str, int]) -> bytes:
    true = places[step.true] - number - 1 if step.true else 0
    false = places[step.false] - number - 1 if step.false else 0
    if step.code == JUMP:
        return struct.pack("=HBBI", step.code, 0, 0, true)
    return struct.pack("=HBBI", step.code, true, false, step.constant)

"""The packet filter, run by the kernel: attached to a datagram socket pair, fed frames, and asked what passes."""

import socket
import struct
from collections.abc import Iterator

import pytest
from recorder import filters

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    sending, receiving = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sending, receiving:
        receiving.setblocking(False)
        yield sending, receiving


def passes(pair: Pair, frame: bytes) -> bool:
    sending, receiving = pair
    sending.send(frame)
    try:
        return receiving.recv(65536) == frame
    except BlockingIOError:
        return False


def ipv4(protocol: int, ports: tuple[int, int], *, options: int = 0, offset: int = 0) -> bytes:
    words = 5 + options
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | words, 0, 0, 0, offset, 64, protocol, 0, bytes(4), bytes(4))
    return bytes(12) + b"\x08\x00" + head + bytes(4 * options) + struct.pack(">HH", *ports) + bytes(16)


def ipv6(protocol: int, ports: tuple[int, int]) -> bytes:
    head = struct.pack(">IHBB16s16s", 6 << 28, 20, protocol, 64, bytes(16), bytes(16))
    return bytes(12) + b"\x86\xdd" + head + struct.pack(">HH", *ports) + bytes(16)


WANTED = [
    ipv4(6, (40000, 8443)),
    ipv4(6, (8443, 40000)),
    ipv4(17, (40000, 443)),
    ipv4(6, (40000, 443), options=3),
    ipv6(6, (40000, 8443)),
    ipv6(17, (443, 40000)),
]
UNWANTED = [
    ipv4(6, (40000, 80)),
    ipv4(1, (8443, 8443)),
    ipv4(6, (40000, 8443), offset=100),
    ipv6(6, (40000, 80)),
    ipv6(58, (8443, 8443)),
    bytes(12) + b"\x08\x06" + bytes(40),
    b"short",
]


@pytest.mark.parametrize("frame", WANTED)
def test_tcp_and_udp_with_a_port_at_either_end_pass(pair: Pair, frame: bytes) -> None:
    filters.attach(pair[1], filters.only_ports([8443, 443]))
    assert passes(pair, frame)


@pytest.mark.parametrize("frame", UNWANTED)
def test_control_everything_else_does_not(pair: Pair, frame: bytes) -> None:
    filters.attach(pair[1], filters.only_ports([8443, 443]))
    assert not passes(pair, frame)


def test_many_ports_assemble_and_the_last_one_passes(pair: Pair) -> None:
    ports = range(20000, 20500)
    filters.attach(pair[1], filters.only_ports(ports))
    assert passes(pair, ipv4(6, (1, 20499)))
    assert not passes(pair, ipv4(6, (1, 20500)))


@pytest.mark.parametrize("frame", [*WANTED, *UNWANTED])
def test_without_ports_everything_that_comes_in_passes(pair: Pair, frame: bytes) -> None:
    filters.attach(pair[1], filters.once_on_loopback())
    assert passes(pair, frame)

"""Comments on packets: the story stands on the packet that it belongs to, and nothing else of the capture changes."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import dpkt
import pytest
from recorder import pcapng

from lab.report.comments import annotated, comments
from lab.trace.pcapng import BrokenCapture
from tests.trace.wire import OK, Lab, get

FRAMES = [bytes(range(length, 60 + length)) for length in range(4)]
CAPTURE = pcapng.section("x86_64", "Linux", "lab") + pcapng.interface("eth0")
CAPTURE += b"".join(pcapng.packet(0, 10**18 + n, frame, outgoing=bool(n % 2)) for n, frame in enumerate(FRAMES))
WEB, APP, CLIENT, PROXY = ("10.0.0.3", 8080), ("127.0.0.1", 3000), ("10.0.0.9", 40000), ("127.0.0.1", 50000)


def options(capture: bytes) -> list[list[tuple[int, bytes]]]:
    """Options of each enhanced packet block, read by dpkt, which shares no code with the writer."""
    found, at = [], 0
    while at < len(capture):
        kind, length = struct.unpack_from("<II", capture, at)
        if kind == 6:
            block = dpkt.pcapng.EnhancedPacketBlockLE(capture[at : at + length])
            found.append([(option.code, option.data) for option in block.opts if option.code])
        at += length
    return found


@pytest.mark.parametrize("texts", [["a"], ["four"], ["read by nginx (pid 7)", "entered → dispatched"]])
def test_a_comment_stands_on_its_frame_in_front_of_what_was_there(texts: list[str]) -> None:
    made = annotated(CAPTURE, "web", {3: texts})
    assert [frame for _, frame in dpkt.pcapng.Reader(io.BytesIO(made))] == FRAMES
    before, after = options(CAPTURE), options(made)
    assert after[2] == [(1, text.encode()) for text in texts] + before[2]
    assert [after[n] for n in (0, 1, 3)] == [before[n] for n in (0, 1, 3)]


def test_a_capture_of_which_nothing_is_said_is_the_same() -> None:
    assert annotated(CAPTURE, "web", {}) == CAPTURE
    assert annotated(CAPTURE, "web", {9: ["there is no frame 9"]}) == CAPTURE


def test_a_packet_without_options_of_a_big_endian_writer_takes_comments_too() -> None:
    head = struct.pack(">IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    face = struct.pack(">IIHHII", 1, 20, 1, 0, 0, 20)
    packet = struct.pack(">IIIIIII", 6, 36, 0, 0, 0, 3, 3) + b"abc\0" + struct.pack(">I", 36)
    made = annotated(head + face + packet, "web", {1: ["four"]})
    block = dpkt.pcapng.EnhancedPacketBlock(made[48:])
    assert (block.pkt_data, [(one.code, one.data) for one in block.opts]) == (b"abc", [(1, b"four"), (0, b"")])
    assert len(made) == 48 + 36 + 12


def test_a_broken_capture_is_no_capture() -> None:
    with pytest.raises(BrokenCapture, match="web, byte 0"):
        annotated(b"not a capture at all", "web", {1: ["x"]})


def site() -> Lab:
    """A proxy before an application on loopback, one request through both."""
    lab = Lab(client="10.0.0.9", web="10.0.0.3")
    proxy, app = lab.container("proxy", "web"), lab.container("app", "web")
    lab.listen(WEB, proxy)
    lab.listen(APP, app)
    outer = lab.tcp("client", CLIENT, "web", WEB, reader=proxy).open().up(get())
    lab.row("web", "ESTAB", WEB, CLIENT, (proxy.pid,))
    inner = lab.tcp("web", PROXY, "web", APP, reader=app, writer=proxy).open().up(get())
    lab.row("web", "ESTAB", APP, PROXY, (app.pid,))
    lab.app("dispatched", app, inner)
    inner.down(OK)
    outer.down(OK)
    lab.report(outer)
    return lab


def test_who_read_it_stands_on_the_packet_that_was_read() -> None:
    lab = site()
    said = comments(lab.routes())
    heads = [p for p in lab.packets if p.payload.startswith(b"GET") and p.namespace == "web"]
    outer, inner = (said[packet.file][packet.number] for packet in heads)
    assert any("hop 1" in text and "(pid 0) of proxy: read" in text and "kernel.jsonl:" in text for text in outer)
    assert any("hop 2" in text and "of app: read" in text for text in inner)
    assert any("reports dispatched" in text for text in inner)
    assert not any("of app" in text for text in outer)


def test_the_first_of_a_hop_says_who_received_it_and_the_last_of_a_probe_how_it_ended() -> None:
    lab = site()
    said = comments(lab.routes())
    for file, namespace in (("packets/client.pcapng", "client"), ("packets/web.pcapng", "web")):
        numbers = sorted(said[file])
        assert said[file][numbers[0]][0].startswith("order, hop 1 of 2: web · eth0 · 10.0.0.3:8080")
        assert said[file][numbers[-1]][-1].startswith("order, in the end: reached dispatch"), namespace
    received = [text for lines in said["packets/web.pcapng"].values() for text in lines if "hop 2 of 2" in text]
    [words] = received
    assert words.startswith(
        "order, hop 2 of 2: web · lo · 127.0.0.1:3000, listener 127.0.0.1:3000, to app · app · pid 1; answered"
    )
    assert words.endswith(", joined to hop 1 by: token in clear")


def test_a_look_within_a_probe_is_not_told_twice() -> None:
    [route] = site().routes()
    assert comments([replace(route, moment="held"), route]) == comments([route])
    assert comments([replace(route, moment="held")]) == {}

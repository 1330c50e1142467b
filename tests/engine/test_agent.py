"""The agents' protocol, from bytes: fed whole, fed one byte at a time, out of order, cut short."""

from __future__ import annotations

import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from lab.engine.agent import Agent, FrameReader, LineReader
from lab.engine.errors import AgentError, AgentTimeoutError

if TYPE_CHECKING:
    from collections.abc import Iterator


def frame(stream: int, payload: bytes) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


def line(message: object, stream: int = 1) -> bytes:
    return frame(stream, json.dumps(message).encode() + b"\n")


@pytest.fixture
def pair() -> Iterator[tuple[Agent, socket.socket]]:
    ours, theirs = socket.socketpair()
    with Agent("the agent", ours) as agent:
        yield agent, theirs
        theirs.close()


def asked(theirs: socket.socket, count: int) -> list[dict[str, object]]:
    """Read so many requests."""
    held = b""
    while held.count(b"\n") < count:
        held += theirs.recv(65536)
    return [json.loads(one) for one in held.splitlines()]


def test_frames_are_taken_apart_byte_by_byte() -> None:
    raw = frame(1, b"abc") + frame(2, b"") + frame(2, b"\x00" * 300)
    reader = FrameReader()
    found = [one for byte in raw for one in reader.feed(bytes([byte]))]
    assert found == list(FrameReader().feed(raw)) == [(1, b"abc"), (2, b""), (2, b"\x00" * 300)]


def test_a_frame_cut_short_gives_nothing() -> None:
    assert list(FrameReader().feed(frame(1, b"abc")[:-1])) == []


def test_lines_are_cut_wherever_the_bytes_were() -> None:
    reader = LineReader()
    assert [one for byte in b"a\n\nbc\nd" for one in reader.feed(bytes([byte]))] == [b"a", b"", b"bc"]


def test_the_ready_line_comes_first_and_byte_by_byte(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    for byte in line({"ready": {"protocol": 1}}):
        theirs.sendall(bytes([byte]))
    assert agent.ready(5) == {"protocol": 1}


def test_answers_find_their_requests_out_of_order(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(agent.ask, "echo", 5, n=n) for n in range(8)]
        for request in sorted(asked(theirs, 8), key=lambda one: -int(str(one["id"]))):
            theirs.sendall(line({"id": request["id"], "ok": {"n": request["n"]}}))
        assert [answer.result()["n"] for answer in answers] == list(range(8))


def test_a_refusal_carries_kind_and_what_the_agent_said(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    future = agent.send("look")
    theirs.sendall(frame(2, b"cannot see\n") + line({"id": 1, "error": {"kind": "gone", "text": "no such namespace"}}))
    with pytest.raises(AgentError, match="refused: no such namespace") as caught:
        agent.wait(future, "look", 5)
    assert (caught.value.kind, caught.value.lines) == ("gone", ("cannot see",))


def test_silence_is_a_timeout_of_its_own_kind_and_a_late_answer_is_dropped(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    with pytest.raises(AgentTimeoutError, match="did not answer `look` within"):
        agent.ask("look", timeout=0.01)
    theirs.sendall(line({"id": 1, "ok": {}}))
    future = agent.send("look")
    theirs.sendall(line({"id": 2, "ok": {"late": False}}))
    assert agent.wait(future, "look", 5) == {"late": False}


def test_death_ends_all_that_waits_and_all_that_comes(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    future = agent.send("look")
    theirs.sendall(frame(2, b"Traceback\nMemoryError\n"))
    theirs.close()
    for waiting in (lambda: agent.wait(future, "look", 5), lambda: agent.ready(5), lambda: agent.ask("look")):
        with pytest.raises(AgentError, match="gone") as caught:
            waiting()
        assert caught.value.lines == ("Traceback", "MemoryError")


@pytest.mark.parametrize("noise", [b"Segmentation fault\n", b"[1]\n", b"\xff\xfe\n"])
def test_noise_on_the_output_is_an_error_that_shows_it(pair: tuple[Agent, socket.socket], noise: bytes) -> None:
    agent, theirs = pair
    theirs.sendall(frame(1, noise))
    with pytest.raises(AgentError, match="no JSON object"):
        agent.ready(5)


def test_closing_is_the_end_of_the_agents_input(pair: tuple[Agent, socket.socket]) -> None:
    agent, theirs = pair
    agent.close()
    assert theirs.recv(1) == b""

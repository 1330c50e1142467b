"""An agent over TLS: requests go out while its thread waits for answers, and it ends when it is closed."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING

import pytest
import trustme

from lab.engine.agent import Agent
from lab.engine.docker.tls import SharedTls
from lab.engine.errors import AgentError

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 300_000
"""Bytes: more than the kernel's buffers take at once."""


def _answer(sock: ssl.SSLSocket) -> None:
    """As an agent would: an answer to each line."""
    held = b""
    try:
        while data := sock.recv(65536):
            *lines, held = (held + data).split(b"\n")
            for line in lines:
                asked = json.loads(line)
                answer = json.dumps({"id": asked["id"], "ok": {"got": len(asked["body"]), "body": "x" * asked["want"]}})
                payload = answer.encode() + b"\n"
                sock.sendall(struct.pack(">BxxxL", 1, len(payload)) + payload)
    except OSError:
        return


@pytest.fixture
def agent() -> Iterator[Agent]:
    authority = trustme.CA()
    far_context, near_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("far.example").configure_cert(far_context)
    authority.configure_trust(near_context)
    ours, theirs = socket.socketpair()
    far: list[ssl.SSLSocket] = []
    shaking = threading.Thread(target=lambda: far.append(far_context.wrap_socket(theirs, server_side=True)))
    shaking.start()
    near = near_context.wrap_socket(ours, server_hostname="far.example")
    shaking.join()
    answering = threading.Thread(target=_answer, args=far, daemon=True)
    answering.start()
    with Agent("the agent", SharedTls(near)) as made:
        yield made
    answering.join(5)
    assert not answering.is_alive(), "closing ends the connection"


@pytest.mark.parametrize(("sent", "wanted"), [(MANY, 0), (0, MANY)])
def test_requests_of_several_threads_are_answered_while_one_waits(agent: Agent, sent: int, wanted: int) -> None:
    told: list[tuple[int, int]] = []

    def ask() -> None:
        for _ in range(5):
            answer = agent.ask("echo", timeout=10, body="x" * sent, want=wanted)
            told.append((answer["got"], len(answer["body"])))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [(sent, wanted)] * 20


def test_whoever_waits_is_let_go_when_it_is_closed(agent: Agent) -> None:
    agent.ask("echo", timeout=5, body="", want=0)
    agent.close()
    with pytest.raises(AgentError, match="is gone"):
        agent.send("echo", body="", want=0)

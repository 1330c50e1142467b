"""Waiting for a key: on a terminal, without one, and until the person has had enough."""

from __future__ import annotations

import io
import os
import pty
import sys
import termios
from typing import TYPE_CHECKING

import pytest

from lab.cli.watching import keys
from lab.session.jobs import UsageError
from lab.session.watching import watched

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The person's side of a terminal that is standard input."""
    person, program = pty.openpty()
    with os.fdopen(program, "r", encoding="utf-8", newline="") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield person
    os.close(person)


def test_each_pause_takes_one_key_and_the_terminal_is_left_as_it_was(terminal: int, capsys: pytest.CaptureFixture[str]) -> None:
    before = termios.tcgetattr(sys.stdin)
    with keys(wait=True) as pause:
        os.write(terminal, b"x")
        pause("take this step")
        os.write(terminal, b" ")
        pause("take the next")
    assert termios.tcgetattr(sys.stdin) == before
    assert "any key: take the next" in capsys.readouterr().err


@pytest.mark.parametrize("key", [b"q", b"\x04"])
def test_q_waits_no_more(terminal: int, key: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with keys(wait=True) as pause:
        os.write(terminal, key)
        pause("one")
        pause("two")
        pause("three")
    assert "two" not in capsys.readouterr().err


def test_nobody_is_waited_for_without_a_terminal_or_when_told_not_to(
    terminal: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with keys(wait=False) as pause:
        pause("one")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with keys(wait=True) as pause:
        pause("one")
    assert capsys.readouterr().err == ""


def test_what_is_watched_is_one_case_and_a_probe_that_it_has() -> None:
    assert watched("tls-ends-in-proxy", None).case.id == "tls-ends-in-proxy.nginx"
    assert watched("tls-ends-in-proxy.envoy", "order").case.id == "tls-ends-in-proxy.envoy"
    assert watched("tls-ends-in-proxy.envoy~passes-through", None).case.twin == "passes-through"
    with pytest.raises(UsageError, match="has no probe 'odrer'; it has order"):
        watched("tls-ends-in-proxy", "odrer")

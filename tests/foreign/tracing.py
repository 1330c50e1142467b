"""Trace one foreign deployment as a person would, by the `lab` command, and score what it tells."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.foreign.scoring import Field, score
from tests.foreign.standing import LIMIT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.foreign.standing import Compose, Deployment

CHECKOUT = Path(__file__).resolve().parents[2]
LAB = (sys.executable, "-c", "from lab.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Scored:
    """One trace, told and scored."""

    deployment: str
    trace: str
    fields: tuple[Field, ...]
    seconds: float
    """From the command to the answer."""
    said: str

    def count(self, verdict: str) -> int:
        return sum(field.verdict == verdict for field in self.fields)


def trace(compose: Compose, deployment: Deployment, name: str) -> Scored:
    """Prepare what the truth says under `before`, run `lab trace`, score it."""
    truth = deployment.truth()["traces"][name]
    with ExitStack() as held:
        for step in truth.get("before") or ():
            prepare(compose, deployment, step, held)
        begun = time.monotonic()
        told, said = ask(deployment, [str(word) for word in truth["ask"]])
        seconds = time.monotonic() - begun
        for step in truth.get("after") or ():
            prepare(compose, deployment, step, held)
    return Scored(deployment.name, name, tuple(score(truth, told)), seconds, said)


def ask(deployment: Deployment, words: list[str], within: tuple[str, ...] = ()) -> tuple[Mapping[str, Any], str]:
    """What `lab trace` tells of its probe, as a program and as a person reads it. `within`: the command that runs it. Raises
    RuntimeError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "told.json"
        command = [*within, *LAB, "trace", "--project", deployment.project, "--json", str(path), "--progress", "quiet", *words]
        environment = {**os.environ, "LAB_RUNS": str(CHECKOUT / "runs" / "foreign")}
        done = subprocess.run(
            command, cwd=deployment.folder, env=environment, capture_output=True, text=True, timeout=LIMIT, check=False
        )
        if not path.exists():
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return json.loads(path.read_text("utf-8"))["probes"][0], done.stdout


def prepare(compose: Compose, deployment: Deployment, step: Mapping[str, Any], held: ExitStack) -> None:
    """`compose: [words]`; or, `times` over, `get: URL`, an ordinary request to this machine's loopback, or
    `hold: [ADDRESS, PORT]`, a connection that is kept open while the trace lasts."""
    if "compose" in step:
        compose.run(deployment, *step["compose"])
    for _ in range(step.get("times", 1)):
        if "get" in step:
            with urllib.request.urlopen(step["get"], timeout=5) as answer:
                answer.read()
        if "hold" in step:
            kept = held.enter_context(socket.socket())
            kept.setblocking(False)
            kept.connect_ex(tuple(step["hold"]))

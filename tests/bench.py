"""Time each scenario, warm, beside what plain compose needs for the same containers: the floor to measure against.

Usage: `make bench`, or `make bench ARGS="NAME ..."`. Without a compose command only the lab's own times are shown.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 300
"""Seconds for one command."""


def main(names: list[str]) -> int:
    """Print one line a scenario: seconds of its second run, and of compose's up and down."""
    compose = find_compose()
    print(f"{'scenario':<32} {'lab run':>8} {'compose up + down':>18}")
    for name in names or sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml")):
        lab = [str(ROOT / ".venv" / "bin" / "lab"), "run", name, "--no-twins", "--progress", "quiet"]
        seconds(lab)
        file = next(iter(sorted((ROOT / "compose").glob(f"{name}*.yaml"))), None)
        both = beside(compose, file) if compose and file else None
        print(f"{name:<32} {seconds(lab):>8.2f} {f'{both:.2f}' if both else '-':>18}", flush=True)
    return 0


def find_compose() -> list[str]:
    """Find `docker compose` or the older `docker-compose`; nothing if there is none."""
    if shutil.which("docker") and run(["docker", "compose", "version"]) == 0:
        return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else []


def beside(compose: list[str], file: Path) -> float | None:
    """Time compose's up and down of one file; None if it fails."""
    words = [*compose, "--file", str(file)]
    begun = time.perf_counter()
    up = run([*words, "up", "--detach"])
    down = run([*words, "down", "--volumes"])
    return time.perf_counter() - begun if up == down == 0 else None


def seconds(command: list[str]) -> float:
    """Time one command."""
    begun = time.perf_counter()
    run(command)
    return time.perf_counter() - begun


def run(command: list[str]) -> int:
    """Run to the end, silently; gives the exit code."""
    done = subprocess.run(  # noqa: S603 - words of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=LIMIT, check=False
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

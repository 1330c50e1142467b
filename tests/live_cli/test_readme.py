"""What the README shows is what one sees: its example, line by line, but for the numbers of another run."""

from __future__ import annotations

import re

from tests.command import ROOT, Project

COMMAND = "    make scenario S="
CUT = "..."


def test_the_readme_shows_what_a_run_shows() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    name, _, rest = text.partition(COMMAND)[2].partition("\n")
    block = rest.partition("\n\nEvery line")[0].strip("\n")
    shown = [_alike(line.removeprefix("    ")) for line in block.split("\n")]
    done = Project(ROOT).lab("run", name)
    assert done.code == 0, done.all
    seen = iter(_alike(line) for line in done.out.split("\n"))
    missing = [line for line in shown if line.strip() not in ("", CUT) and line not in seen]
    assert missing == [], f"the README is stale; a run now shows:\n{done.out}"


def _alike(line: str) -> str:
    """Numbers, the places of evidence (an answer may come in two packets or in one), and how the command is called differ
    between runs."""
    line = re.sub(r"(packets/\w+\.pcapng|[\w/]+\.(jsonl|log)):\d+(, )?", "PLACE ", line)
    line = re.sub(r"(PLACE\s+)+(and \d+ more)?", "PLACE ", line)
    line = re.sub(r"\S*lab judge", "lab judge", line)
    return re.sub(r"\d[\d.:-]*([0-9a-f]{4})?\b", "N", line).rstrip()

"""A thousand ordinary probes through five hops: no stage out of order, none missing, no handler entered before a read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from lab.engine.folder import read_observations
from lab.judge.order import broken
from lab.model.routes import Stage
from lab.trace import trace

if TYPE_CHECKING:
    from tests.command import Project

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "five-hops.yaml"
MANY = 1000
LARGEST = 20 * 10**6
"""Bytes of a result that a program still reads at once."""


def test_each_of_a_thousand_probes_tells_a_whole_story_in_its_order(project: Project) -> None:
    yaml = YAML()
    told = yaml.load(SCENARIO.read_text())
    del told["twins"]
    told["probes"]["order"]["repeat"] = MANY
    with (project.folder / "scenarios" / "five-hops.yaml").open("w") as file:
        yaml.dump(told, file)
    done = project.lab("run", "five-hops", "--brief", patience=600)
    assert done.code == 0, done.all
    routes = trace(read_observations(project.folder / "runs" / "latest" / "five-hops"))
    assert Counter((route.stage, len(route.hops), route.timeline_open) for route in routes) == {(Stage.ANSWERED, 5, ""): MANY}
    assert not [f"{route.probe}: {each}" for route in routes for each in broken(route)]
    assert (project.folder / "runs" / "latest" / "result.json").stat().st_size < LARGEST

"""`lab trace` against deployments that the lab did not make, held to a truth that was written down before.

Each deployment is brought up once by plain compose; each trace is one test, and no field of it may be wrong.
"""

from collections.abc import Iterator

import pytest

from tests.foreign.making import ready
from tests.foreign.standing import Compose, Deployment, deployments, standing
from tests.foreign.tracing import trace

TRACES = [(each, name) for each in deployments() for name in each.truth()["traces"]]


@pytest.fixture(scope="module")
def compose() -> Compose:
    return ready()


@pytest.fixture(scope="module")
def stands(compose: Compose, request: pytest.FixtureRequest) -> Iterator[Deployment]:
    with standing(compose, request.param) as deployment:
        yield deployment


@pytest.mark.parametrize(
    ("stands", "name"), TRACES, indirect=["stands"], ids=[f"{each.name}-{name}" for each, name in TRACES], scope="module"
)
def test_the_truth_is_told(compose: Compose, stands: Deployment, name: str) -> None:
    scored = trace(compose, stands, name)
    bad = [f"{field.name}: expected {field.expected!r}, told {field.actual!r}" for field in scored.fields if field.bad]
    assert not bad, f"{scored.said}\n" + "\n".join(bad)

"""A trace leaves a deployment as it was, and is right beside other people's requests."""

import re

import pytest

from tests.foreign.loading import load
from tests.foreign.making import ready
from tests.foreign.scoring import WRONG
from tests.foreign.standing import Compose, Deployment, standing
from tests.foreign.tracing import ask, trace
from tests.foreign.untouched import state


@pytest.fixture(scope="module")
def compose() -> Compose:
    return ready()


TOUCHED = (
    ("nginx-ends-tls", ["https://localhost:28101/orders", "-k"]),
    ("unix-socket", ["https://localhost:28106/orders", "-k"]),
)


@pytest.mark.parametrize(("name", "words"), TOUCHED, ids=[name for name, _ in TOUCHED])
def test_nothing_of_the_deployment_changes(compose: Compose, name: str, words: list[str]) -> None:
    with standing(compose, Deployment(name)) as deployment:
        ask(deployment, words)  # a server's first request may open what it keeps
        before = state(compose, deployment)
        told, said = ask(deployment, words)
        assert told["status"] == 200
        assert state(compose, deployment) == before
        run = re.search(r"\d{8}-\d{6}-[0-9a-f]{4}", said)
        assert run is not None
        assert not compose.docker("ps", "-aq", "--filter", f"label=lab.run={run[0]}")


def test_control_a_change_is_seen(compose: Compose) -> None:
    with standing(compose, Deployment("nginx-ends-tls")) as deployment:
        before = state(compose, deployment)
        compose.run(deployment, "exec", "-T", "app", "sh", "-c", "echo > /tmp/new")
        after = state(compose, deployment)
        assert after != before
        changed = [name for name in before if before[name] != after[name]]
        assert len(changed) == 1


BESIDE = [
    ("pool", "order", "http://127.0.0.1:28107/others"),
    ("nginx-ends-tls", "http2", "https://127.0.0.1:28101/others"),
    ("mirror", "order", "http://127.0.0.1:28108/others"),
    ("reencrypts", "order", "https://127.0.0.1:28103/others"),
    ("unix-socket", "order", "https://127.0.0.1:28106/others"),
    ("cache", "miss", "https://127.0.0.1:28112/others"),
    ("http2-behind", "two-behind", "https://127.0.0.1:28111/two/others"),
    ("routing", "bare", "https://127.0.0.1:28119/bare/orders"),
]


@pytest.mark.parametrize(("name", "asked", "others"), BESIDE, ids=[name for name, _, _ in BESIDE])
def test_beside_other_requests_nothing_is_told_wrongly(compose: Compose, name: str, asked: str, others: str) -> None:
    with standing(compose, Deployment(name)) as deployment, load(others) as made:
        scored = trace(compose, deployment, asked)
        assert made.answered > 10, "there was no load"
    wrong = [
        f"{field.name}: expected {field.expected!r}, told {field.actual!r}" for field in scored.fields if field.verdict == WRONG
    ]
    assert not wrong, f"{scored.said}\n" + "\n".join(wrong)

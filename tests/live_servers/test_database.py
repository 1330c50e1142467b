"""PostgreSQL and the application that asks it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from lab.engine import docker as engine
from lab.model.plan import PlannedFile
from tests.live_servers.bed import Bed, planned

if TYPE_CHECKING:
    from lab.model.plan import PlannedContainer

DB = {"server": "postgres", "listen": [{"on": "127.0.0.1:5432"}]}
QUERY = b"GET /query HTTP/1.1\r\nHost: a\r\nLab-Probe: %s\r\nConnection: close\r\n\r\n"


def pair(bed: Bed, **app: Any) -> tuple[PlannedContainer, ...]:
    application = {"server": "app", "database": "127.0.0.1:5432", "listen": [{"on": "127.0.0.1:3000"}], **app}
    return planned(bed.catalogue, {"db": DB, "app": application})


def reports(bed: Bed, server: str = "app") -> list[dict[str, Any]]:
    lines = [line.partition(" ")[2] for line in engine.logs(bed.docker, bed.servers[server])]
    return [json.loads(line) for line in lines if line.startswith('{"lab"')]


def test_a_handler_asks_after_dispatch_and_before_the_answer(bed: Bed) -> None:
    bed.stand(pair(bed))
    assert b'"database": "asked for abc"' in bed.ask(3000, QUERY % b"abc")
    events = [line["event"] for line in reports(bed)]
    assert events[events.index("parsed") :][:4] == ["parsed", "dispatched", "queried", "answered"]
    assert "queried" not in events[: events.index("dispatched")]


def test_a_request_that_needs_no_database_asks_none(bed: Bed) -> None:
    bed.stand(pair(bed))
    assert b"200 OK" in bed.ask(3000, QUERY.replace(b"/query", b"/orders") % b"abc")
    assert "queried" not in [line["event"] for line in reports(bed)]
    assert not [line for line in engine.logs(bed.docker, bed.servers["db"]) if "connection received" in line]


def test_the_token_is_a_parameter_and_never_a_part_of_the_statement(bed: Bed) -> None:
    bed.stand(pair(bed))
    assert b"asked for '); drop table x; --" in bed.ask(3000, QUERY % b"'); drop table x; --")


def test_a_connection_is_kept(bed: Bed) -> None:
    bed.stand(pair(bed))
    for _ in range(3):
        bed.ask(3000, QUERY % b"abc")
    assert len({line["detail"] for line in reports(bed) if line["event"] == "queried"}) == 1
    assert connections(bed) == 1


def connections(bed: Bed) -> int:
    """Those that were let in: a database that is still starting turns others away."""
    return sum("connection authorized" in line for line in engine.logs(bed.docker, bed.servers["db"]))


def test_an_eager_pool_connects_before_the_application_listens(bed: Bed) -> None:
    database, application = pair(bed, database={"address": "127.0.0.1:5432", "pool": "eager"})
    made = bed.servers["app"] = bed.create(application)
    engine.start(bed.docker, made)
    assert 3000 not in {row.port for row in bed.listeners()}
    bed.stand((database,))
    bed.await_ports({3000})
    assert connections(bed) == 1


def test_a_database_that_has_gone_is_the_handlers_failure(bed: Bed) -> None:
    bed.stand(pair(bed))
    bed.ask(3000, QUERY % b"abc")
    engine.stop(bed.docker, bed.servers["db"], 5)
    for _ in range(2):
        assert bed.ask(3000, QUERY % b"abc").startswith(b"HTTP/1.1 503 ")
    assert [line["event"] for line in reports(bed)].count("dispatched") == 3


STRANGER = """
import sys
from socket import create_connection
user, database = sys.argv[1:]
body = b"\\0\\3\\0\\0" + b"".join(word.encode() + b"\\0" for word in ("user", user, "database", database)) + b"\\0"
with create_connection(("127.0.0.1", 5432), timeout=5) as sock:
    sock.sendall((len(body) + 4).to_bytes(4) + body)
    print(sock.recv(1).decode())
"""


@pytest.mark.parametrize(
    ("user", "database", "first"), [("lab", "lab", "R"), ("postgres", "lab", "E"), ("lab", "template1", "E")]
)
def test_nobody_but_the_labs_role_gets_in(bed: Bed, user: str, database: str, first: str) -> None:
    bed.stand(planned(bed.catalogue, {"db": DB}))
    assert bed.python(STRANGER, user, database).strip() == first


def test_its_own_check_tells_a_good_configuration_from_a_bad_one(bed: Bed) -> None:
    (made,) = planned(bed.catalogue, {"db": DB})
    assert bed.check(made)[0] == 0
    (file,) = made.files
    code, words = bed.check(replace(made, files=(PlannedFile(file.path, file.content + b"max_connection = 1\n"),)))
    assert code != 0
    assert "max_connection" in words

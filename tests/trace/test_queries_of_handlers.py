"""Queries: what a session with PostgreSQL says, and which of them are a request's own."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.model.routes import Route, Stage
from lab.trace import postgres
from tests.trace.wire import OK, TOKEN, Conversation, Lab, get

WEB, DB = ("10.0.0.3", 8080), ("10.0.0.5", 5432)
CLIENT = ("10.0.0.9", 40000)
OTHER = "0123456789abcdef"
READY = b"Z" + struct.pack(">I", 5) + b"I"


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


def startup() -> bytes:
    body = struct.pack(">I", 196608) + b"user\0lab\0database\0lab\0\0"
    return struct.pack(">I", len(body) + 4) + body


def extended(statement: bytes, *values: bytes) -> bytes:
    bind = (
        b"\0\0"
        + struct.pack(">HH", 0, len(values))
        + b"".join(struct.pack(">i", len(v)) + v for v in values)
        + struct.pack(">H", 0)
    )
    parts = (b"P", b"\0" + statement + b"\0\0\0"), (b"B", bind), (b"D", b"P\0"), (b"E", b"\0\0\0\0\0"), (b"S", b"")
    return b"".join(message(kind, body) for kind, body in parts)


# What is said


def test_a_session_and_its_queries() -> None:
    data = startup() + message(b"Q", b"select 1\0") + extended(b"select $1", TOKEN.encode()) + message(b"X", b"")
    assert postgres.begins(data)
    one, two = postgres.queries(data)
    assert (one.statement, two.statement, two.parameters) == ("select 1", "select $1", (TOKEN.encode(),))
    assert (one.carries(TOKEN), two.carries(TOKEN), two.carries("")) == (False, True, False)


def test_a_query_is_told_with_its_last_byte_and_not_before() -> None:
    data = startup() + message(b"Q", b"select 1\0") + extended(b"select $1", b"x")
    counts = [len(postgres.queries(data[:size])) for size in range(len(data) + 1)]
    assert counts == sorted(counts)
    first = len(startup()) + len(message(b"Q", b"select 1\0"))
    assert (counts[first - 1], counts[first], counts[-1]) == (0, 1, 2)


def test_what_is_asked_before_a_session_is_no_query() -> None:
    tls, gss = (struct.pack(">II", 8, code) for code in (postgres.TLS_REQUEST, postgres.GSS_REQUEST))
    data = gss + tls + startup() + message(b"Q", b"select 1\0")
    assert postgres.begins(data)
    assert len(postgres.queries(data)) == 1


def test_a_null_parameter_carries_nothing() -> None:
    bind = b"\0\0" + struct.pack(">HHiH", 0, 1, -1, 0)
    data = startup() + message(b"P", b"\0select $1\0\0\0") + message(b"B", bind) + message(b"E", b"\0\0\0\0\0")
    assert postgres.queries(data)[0].parameters == ()


@pytest.mark.parametrize("data", [get(), b"POST / HTTP/1.1\r\n\r\n", b"DELETE /x HTTP/1.1\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_other_protocols_are_not_taken_for_it(data: bytes) -> None:
    assert not postgres.begins(data)
    assert not postgres.goes_on(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    postgres.queries(data)
    postgres.queries(startup() + data)
    postgres.goes_on(data)


# Whose it is


class Shop:
    """client → app → db; the application keeps one connection to its database."""

    def __init__(self, *, kernel: bool = True) -> None:
        self.lab = Lab(client="10.0.0.9", web="10.0.0.3", db="10.0.0.5")
        self.app, self.db = self.lab.container("app", "web", 3001), self.lab.container("db", "db", 4001, program="postgres")
        self.lab.listen(WEB, self.app)
        self.lab.listen(DB, self.db)
        who = {"reader": self.db, "writer": self.app} if kernel else {}
        self.pool = self.lab.tcp("web", ("10.0.0.3", 50000), "db", DB, **who).open().up(startup()).down(READY)
        self.lab.tick(1000)
        self.talk = self.request(CLIENT, kernel=kernel)

    def request(self, client: tuple[str, int], *, kernel: bool = True) -> Conversation:
        return self.lab.tcp("client", client, "web", WEB, reader=self.app if kernel else None)

    def ask(self, *values: bytes) -> None:
        self.pool.up(extended(b"select $1", *values)).down(READY)

    def told(self, status: int | None = 200, **more: object) -> Route:
        self.lab.report(self.talk, status, **more)  # type: ignore[arg-type]
        return self.lab.routes()[-1]


def test_a_query_with_the_token_is_the_handlers_and_no_hop() -> None:
    shop = Shop()
    shop.talk.open().up(get())
    shop.lab.app("dispatched", shop.app, shop.talk)
    shop.lab.tick()
    shop.ask(TOKEN.encode())
    shop.talk.down(OK)
    route = shop.told()
    assert [hop.container for hop in route.hops] == ["app"]
    [asked] = route.database
    assert (asked.container, asked.protocol, asked.process, asked.joined_by) == (
        "db",
        "postgresql",
        "postgres",
        "token in clear",
    )
    assert (route.counts.queries, route.dispatched, route.stage, route.answered_by) == (1, True, Stage.ANSWERED, "app")
    assert any(line.event == "query select $1" for line in route.timeline)
    assert not route.contradictions


def test_before_dispatch_there_is_none_and_after_it_there_is() -> None:
    shop = Shop()
    shop.talk.open().up(get()[:-2])
    shop.lab.tick(100)
    early = shop.told(None, sent=get()[:-2])
    assert (early.counts.queries, early.stage, early.dispatched) == (0, Stage.HEAD_INCOMPLETE, False)
    assert ("packets", "the connection to 10.0.0.5:5432 carried no query for it") in [
        (str(e.witness), e.says) for name, e in early.counts.evidence if name == "queries"
    ]
    shop.talk.up(get()[-2:])
    shop.lab.app("dispatched", shop.app, shop.talk)
    shop.lab.tick()
    shop.pool.up(extended(b"select $1", TOKEN.encode()))
    late = shop.told(None)
    assert (late.counts.queries, late.stage) == (1, Stage.QUERIED)


@pytest.mark.parametrize("token", [TOKEN, ""])
def test_a_query_before_its_dispatch_contradicts(token: str) -> None:
    shop = Shop()
    shop.talk.open().up(get())
    shop.ask(token.encode() or b"x")
    shop.lab.tick(1000)
    shop.lab.app("dispatched", shop.app, shop.talk, token=token)
    shop.talk.down(OK)
    route = shop.told(token=token)
    assert [c.about for c in route.contradictions] == ["queries before dispatch"]


@pytest.mark.parametrize(("kernel", "bond"), [(True, "same process wrote it"), (False, "time alone")])
def test_without_a_token_the_process_ties_it_or_time_does(kernel: bool, bond: str) -> None:
    shop = Shop(kernel=kernel)
    shop.talk.open().up(get(""))
    shop.lab.app("dispatched", shop.app, shop.talk, token="")
    shop.lab.tick()
    shop.ask(b"anything")
    shop.talk.down(OK)
    route = shop.told(token="", sent=get(""))
    assert ([hop.joined_by for hop in route.database], route.counts.queries) == ([bond], 1)


def test_a_query_while_another_request_was_there_is_nobodys() -> None:
    shop = Shop()
    other = shop.request(("10.0.0.9", 40001)).open()
    shop.talk.open().up(get(""))
    other.up(get(OTHER))
    shop.ask(b"anything")
    shop.talk.down(OK)
    route = shop.told(token="", sent=get(""))
    assert (route.database, route.counts.queries) == ((), None)
    assert any("nothing ties it to this request alone" in question for question in route.open_questions)


def test_a_query_with_another_probes_token_is_that_ones() -> None:
    shop = Shop()
    other = shop.request(("10.0.0.9", 40001)).open()
    shop.talk.open().up(get())
    other.up(get(OTHER))
    shop.ask(OTHER.encode())
    shop.talk.down(OK)
    other.down(OK)
    shop.lab.report(other, token=OTHER, name="other", started=shop.talk.begun)
    mine = shop.told()
    theirs = shop.lab.routes()[0]
    assert (mine.counts.queries, theirs.counts.queries) == (0, 1)


def test_queries_before_and_after_the_request_are_not_its() -> None:
    shop = Shop()
    shop.ask(b"before")
    shop.lab.tick(1000)
    shop.talk.open().up(get(""))
    shop.talk.down(OK)
    shop.lab.report(shop.talk, token="", sent=get(""))
    shop.lab.tick(1000)
    shop.ask(b"after")
    [route] = shop.lab.routes()
    assert (route.counts.queries, route.stage) == (0, Stage.ANSWERED)


def test_lost_packets_leave_the_number_open() -> None:
    shop = Shop()
    shop.talk.open().up(get()).down(OK)
    shop.lab.gap("packets", "web")
    assert shop.told().counts.queries is None


def test_another_containers_queries_in_the_same_namespace_are_not_its() -> None:
    shop = Shop()
    batch = shop.lab.container("batch", "web", 3900)
    own = shop.lab.tcp("web", ("10.0.0.3", 51000), "db", DB, reader=shop.db, writer=batch).open().up(startup())
    shop.talk.open().up(get(""))
    own.up(extended(b"select $1", b"x"))
    shop.talk.down(OK)
    route = shop.told(token="", sent=get(""))
    assert (route.counts.queries, route.database) == (0, ())


def test_the_applications_word_alone_does_not_make_a_query() -> None:
    shop = Shop()
    shop.talk.open().up(get())
    for event in ("dispatched", "queried"):
        shop.lab.app(event, shop.app, shop.talk)
    route = shop.told(None)
    assert (route.stage, route.counts.queries) == (Stage.QUERIED, 0)
    shop.lab.application = [replace(e, event="parsed") for e in shop.lab.application]
    assert shop.lab.routes()[-1].stage is Stage.PARSED

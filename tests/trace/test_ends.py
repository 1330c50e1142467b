"""How the client's connection ended, interim responses, and requests of one connection that carry tokens of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lab.trace.messages import interim, mark
from tests.trace.wire import OK, Conversation, Lab, get

if TYPE_CHECKING:
    from lab.model.routes import Counts, Ending

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def talking() -> tuple[Lab, Conversation]:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    app = lab.container("app", "web", 7)
    lab.listen(("10.0.0.2", 8080), app)
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8080), reader=app)
    talk.open().up(get()).down(OK)
    return lab, talk


def ended(lab: Lab) -> Ending | None:
    return lab.route().ending


def test_a_connection_that_nobody_ended_was_kept() -> None:
    lab, talk = talking()
    lab.report(talk, status=200)
    assert ended(lab) is None


@pytest.mark.parametrize(("flags", "how"), [("FA", "closed"), ("RA", "reset")])
def test_the_receiver_ended_it_and_the_packet_is_cited(flags: str, how: str) -> None:
    lab, talk = talking()
    lab.report(talk, status=200)
    talk.packet("down", flags)
    talk.packet("up", "FA")
    found = ended(lab)
    assert found is not None
    assert found.how == how
    assert found.evidence.where.startswith("packets/client.pcapng:")


def test_what_the_receiver_sends_after_the_client_ended_it_is_an_echo() -> None:
    lab, talk = talking()
    lab.report(talk, status=200)
    talk.packet("up", "FA")
    talk.packet("down", "FA")
    assert ended(lab) is None


def test_after_a_half_close_the_receiver_is_who_ends_it() -> None:
    lab = Lab(client="10.0.0.9", web="10.0.0.2")
    app = lab.container("app", "web", 7)
    talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8080), reader=app)
    talk.open().up(get())
    talk.packet("up", "FA")
    talk.down(OK)
    talk.packet("down", "FA")
    lab.report(talk, status=200)
    found = ended(lab)
    assert found is not None
    assert found.how == "closed"


def test_with_packets_lost_the_end_is_not_told() -> None:
    lab, talk = talking()
    lab.report(talk, status=200)
    talk.packet("down", "FA")
    lab.gap("packets", "client")
    assert ended(lab) is None


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (OK, []),
        (CONTINUE + OK, [100]),
        (CONTINUE + HINTS + OK, [100, 103]),
        (CONTINUE[:-2], [100]),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + CONTINUE, []),
        (b"HTTP/1.1 1000 X\r\n\r\n", []),
        (b"", []),
    ],
)
def test_interim_responses_are_those_before_the_final_one(data: bytes, codes: list[int]) -> None:
    assert [code for _, code in interim(data)] == codes


def test_interim_responses_are_counted_and_one_of_a_later_answer_too() -> None:
    def counted(*down: bytes) -> Counts:
        lab = Lab(client="10.0.0.9", web="10.0.0.2")
        talk = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 8080), reader=lab.container("app", "web", 7))
        talk.open()
        for each in down:
            talk.up(get()).down(each)
        lab.report(talk, status=200, sent=get() * len(down))
        return lab.route().counts

    assert counted(OK).interim == 0
    assert counted(CONTINUE + OK).interim == 1
    assert counted(OK, CONTINUE + OK).interim == 1


def test_a_request_is_known_by_its_own_token_and_not_by_two() -> None:
    assert mark(get("00aa")) == "00aa"
    assert mark(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nLab-Probe: 00aa\r\n\r\n") == ""
    assert mark(get("00aa")[:-2] + b"Lab-Probe: 00bb\r\n\r\n") == ""
    assert mark(b"GET / HTTP/1.1\r\nLab-Probe: 00aa\r\n") == ""


def delivered(*, twice_to_one: bool) -> tuple[int | None, int]:
    """One request that two servers get; or one of them, which says that it entered its handler twice for it."""
    lab = Lab(client="10.0.0.9", web="10.0.0.2", one="10.0.0.3", two="10.0.0.4")
    proxy, one, two = (
        lab.container(name, place, pid) for name, place, pid in (("p", "web", 7), ("a", "one", 8), ("b", "two", 9))
    )
    front = lab.tcp("client", ("10.0.0.9", 40000), "web", ("10.0.0.2", 80), reader=proxy).open().up(get())
    for name, address, app in (("one", "10.0.0.3", one), ("two", "10.0.0.4", two)):
        back = lab.tcp("web", ("10.0.0.2", 50000), name, (address, 80), reader=app, writer=proxy).open().up(get())
        for _ in range(2 if twice_to_one else 1):
            lab.app("dispatched", app, back)
        back.down(OK)
        if twice_to_one:
            break
    front.down(OK)
    lab.report(front)
    route = lab.route()
    return route.counts.dispatches, len(route.contradictions)


def test_a_request_may_be_delivered_to_two_servers_but_not_enter_one_twice() -> None:
    assert delivered(twice_to_one=False) == (2, 0)
    assert delivered(twice_to_one=True) == (2, 1)

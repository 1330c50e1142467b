"""What a server cannot do is told with its source; what it can do is not told."""

from __future__ import annotations

from lab.model.catalogue import Bound, Quirk, Server
from lab.model.scenario import Tls
from lab.report.limits import limits

NO_H2 = Quirk(says="it speaks HTTP/1.1 alone", source="its manual")
ROW = Server(
    name="one",
    title="One",
    role="application",
    tls=(Tls.NONE,),
    options=("backlog", "h2c"),
    cannot={"alpn": NO_H2, "h2_alone": NO_H2},
    lacks={"a mirror": Quirk(says="it sends no copies", source="its manual")},
    bounds={"backlog": Bound(least=1, says="0 means another", source="listen(2)")},
)


def test_each_reason_is_told_once_with_its_source() -> None:
    page = limits({"one": ROW})
    assert "- `alpn`, `h2_alone`: it speaks HTTP/1.1 alone. Source: its manual\n" in page
    assert "- a mirror: it sends no copies. Source: its manual\n" in page
    assert "- `backlog`, at least 1: 0 means another. Source: listen(2)\n" in page
    assert "- TLS of a listener: not `ended`, `passthrough`.\n" in page


def test_what_it_can_do_is_not_told() -> None:
    page = limits({"one": ROW})
    assert "`none`" not in page
    assert "h2c" not in page
    assert "upstream" not in page


def test_a_proxy_that_begins_no_tls_says_so() -> None:
    proxy = {"role": "proxy", "name": "two"}
    assert "- TLS towards an upstream: not begun.\n" in limits({"two": ROW.model_copy(update=proxy)})
    assert "not begun" not in limits({"two": ROW.model_copy(update={**proxy, "begins_tls": True})})


def test_servers_come_by_role_and_agents_not_at_all() -> None:
    rows = {
        name: ROW.model_copy(update={"name": name, "role": role})
        for name, role in (("a", "agent"), ("d", "application"), ("p", "proxy"))
    }
    page = limits(rows)
    assert page.index("## p") < page.index("## d")
    assert "## a\n" not in page


def test_a_row_without_limits_says_that_nothing_is_declared() -> None:
    whole = ROW.model_copy(update={"tls": tuple(Tls), "cannot": {}, "lacks": {}, "bounds": {}})
    assert "Nothing is declared." in limits({"one": whole})

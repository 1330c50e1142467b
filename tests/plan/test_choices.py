"""Rules in the shapes that servers want: whatever the shape, the first rule whose conditions hold is taken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lab.model.scenario import Tls
from lab.plan import choices
from lab.plan.shapes import RenderListener, RenderRule

PREFIXES = ["/", "/a", "/ab", "/a/b", "/a/b/c", "/x"]
HOSTS = ["shop.example", "blog.example"]
RULES = st.lists(
    st.builds(
        lambda number, host, path: rule(number, http_host=host, path=path),
        st.integers(1, 9), st.sampled_from([None, *HOSTS]), st.sampled_from([None, *PREFIXES]),
    ),
    max_size=6,
)  # fmt: skip
PATHS = st.text(alphabet="abx/", max_size=8).map("/".__add__)


def rule(number: int = 1, tls: Tls = Tls.NONE, **conditions: str | None) -> RenderRule:
    names = {"sni": None, "http_host": None, "path": None, "upstream_tls": None} | conditions
    return RenderRule(host="app", port=3000 + number, tls=tls, **names)


def listener(tls: Tls, *rules: RenderRule) -> RenderListener:
    return RenderListener("0.0.0.0", 8443, tls, "8443", ("shop.example",), rules, False)


def first(rules: list[RenderRule], host: str, path: str) -> RenderRule | None:
    """What a person means by the rules."""
    holds = (r for r in rules if r.http_host in (None, host) and path.startswith(r.path or "/"))
    return next(holds, None)


@given(RULES, st.sampled_from([*HOSTS, "other.example"]), PATHS)
def test_the_longest_prefix_of_the_host_s_table_is_the_first_rule_that_holds(
    rules: list[RenderRule], host: str, path: str
) -> None:
    groups = choices.by_host(tuple(rules))
    group = next((one for one in groups if one.host == host), groups[-1])
    table = choices.locations(group)
    taken = max((one for one in table if path.startswith(one.path)), key=lambda one: len(one.path))
    assert taken.rule == first(rules, host, path)


@given(RULES, PATHS)
def test_what_is_denied_is_denied_before_any_rule(rules: list[RenderRule], path: str) -> None:
    group = choices.by_host(tuple(rules))[-1]
    taken = max((one for one in choices.locations(group, ("/a",)) if path.startswith(one.path)), key=lambda one: len(one.path))
    assert taken.denied is path.startswith("/a")
    assert taken.rule is None or not taken.denied


@given(RULES)
def test_rules_behind_one_that_always_holds_are_never_asked(rules: list[RenderRule]) -> None:
    kept = (*choices.conditional(tuple(rules)), *filter(None, [choices.otherwise(tuple(rules))]))
    for host in (*HOSTS, "other.example"):
        for path in PREFIXES:
            assert first(list(kept), host, path) == first(rules, host, path)


def test_the_first_rule_that_admits_a_name_decides_what_becomes_of_tls() -> None:
    passed, ended = rule(1, Tls.PASSTHROUGH, sni="blog.example"), rule(2, Tls.ENDED)
    groups = choices.by_sni(listener(Tls.ENDED, passed, ended))
    assert [(one.sni, one.tls, one.rules) for one in groups] == [
        ("blog.example", Tls.PASSTHROUGH, (passed,)),
        (None, Tls.ENDED, (ended,)),
    ]


def test_a_name_that_no_rule_passes_through_has_no_group() -> None:
    [only] = choices.by_sni(listener(Tls.PASSTHROUGH, rule(1, Tls.PASSTHROUGH, sni="shop.example")))
    assert only.sni == "shop.example"
    with_rest = choices.by_sni(listener(Tls.PASSTHROUGH, rule(1, Tls.PASSTHROUGH)))
    assert [one.sni for one in with_rest] == [None]


def test_mixed_and_fronted() -> None:
    both = listener(Tls.ENDED, rule(1, Tls.PASSTHROUGH, sni="blog.example"), rule(2, Tls.ENDED))
    ends = listener(Tls.ENDED, rule(1, Tls.ENDED))
    two_names = listener(Tls.ENDED, rule(1, Tls.ENDED, sni="a.example"), rule(2, Tls.ENDED, sni="b.example"))
    assert [choices.mixed(one) for one in (both, ends, two_names)] == [True, False, False]
    assert [choices.passes(one) for one in (both, ends, two_names)] == [True, False, False]
    assert [choices.fronted(one) for one in (both, ends, two_names)] == [True, False, True]


def test_two_upstreams_never_share_a_name_and_one_upstream_has_one() -> None:
    different = [
        rule(1),
        rule(2),
        rule(1, upstream_tls="app.example"),
        rule(1, Tls.PASSTHROUGH),
        RenderRule("::1", 3001, None, None, None, Tls.NONE, None),
        RenderRule("app-3001", 80, None, None, None, Tls.NONE, None),
    ]
    assert len({choices.stem(one) for one in different}) == len(different)
    same = (rule(1, path="/a"), rule(1, path="/b"), rule(2))
    assert [one.port for one in choices.upstreams((listener(Tls.NONE, *same),))] == [3001, 3002]

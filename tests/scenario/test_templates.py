"""What looks like a template is data: it stays as it is written or is refused, nothing ever evaluates it, and no value that the
loader takes can break out of a server's configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.plan import plan
from lab.plan.compose import compose
from lab.plan.render import Unsupported
from lab.scenario import ScenarioError, load
from tests.scenario.shop import CATALOGUE, problems, text_of

TEMPLATES = ("{{ 7*7 }}", "{% raw %}", "${PATH}", "%{reqHost}", "<%= 7*7 %>", "$host", "{{ cycler.__init__ }}")
RESULT = "49"


def shop(patch: dict[str, Any]) -> tuple[str, str]:
    """Everything that is made of the changed shop: the plan with all files, and the compose file."""
    case = load(text_of(patch), "shop.yaml", CATALOGUE, {})[0]
    made = plan(case, CATALOGUE, {})
    return repr(made), "\n".join(compose(made, CATALOGUE, "shop.yaml").values())


KEPT: tuple[tuple[str, Any], ...] = (
    ("title", lambda text: {"title": text}),
    ("a header", lambda text: {"probes": {"order": {"request": {"headers": {"X-A": text}}}}}),
    ("the body", lambda text: {"probes": {"order": {"request": {"body": text}}}}),
    ("a variable", lambda text: {"containers": {"app": {"environment": {"A": text}}}}),
    ("a command", lambda text: {"containers": {"app": {"command": ["echo", text]}}}),
    ("a file", lambda text: {"containers": {"app": {"files": {"/srv/a": {"content": text}}}}}),
)
"""Fields that take any text."""


@pytest.mark.parametrize("template", TEMPLATES)
@pytest.mark.parametrize(("field", "patch"), KEPT, ids=[name for name, _ in KEPT])
def test_a_template_stays_as_it_is_written(field: str, patch: Any, template: str) -> None:
    case = load(text_of(patch(template)), "shop.yaml", CATALOGUE, {})[0]
    assert template in repr(case.scenario)
    assert RESULT not in "".join(shop(patch(template)))


@pytest.mark.parametrize("template", TEMPLATES)
def test_compose_evaluates_none_of_it(template: str) -> None:
    patch = {"containers": {"app": {"environment": {"A": template}, "command": ["echo", template]}}}
    written = shop(patch)[1]
    assert template.replace("$", "$$") in written


REFUSED: tuple[tuple[str, Any], ...] = (
    ("a listener", lambda text: {"containers": {"app": {"listen": [{"on": f"{text}:3000"}]}}}),
    ("an upstream", lambda text: route(to=f"{text}:3000")),
    ("a host", lambda text: route(host=text)),
    ("an SNI", lambda text: route(sni=text)),
    ("a path", lambda text: route(path=f"/{text}")),
    ("a verified name", lambda text: route(upstream_tls={"name": text})),
    ("a DNS name", lambda text: {"namespaces": {"web": {"names": [text]}}}),
    ("a name on a certificate", lambda text: {"containers": {"proxy": {"listen": [listener(names=[text])]}}}),
    ("a container", lambda text: {"containers": {text: {"server": "app"}}}),
    ("a server", lambda text: {"containers": {"app": {"server": text}}}),
    ("the host of a URL", lambda text: {"probes": {"order": {"request": {"url": f"https://{text}:8443/"}}}}),
    ("a place to connect to", lambda text: {"probes": {"order": {"request": {"connect_to": f"{text}:8443"}}}}),
)
"""Fields that reach a configuration, or name something."""


def listener(**change: Any) -> dict[str, Any]:
    return {"on": "0.0.0.0:8443", "tls": "ended", "routes": [{"to": "127.0.0.1:3000"}], **change}


def route(**change: Any) -> dict[str, Any]:
    return {"containers": {"proxy": {"listen": [listener(routes=[{"to": "127.0.0.1:3000", **change}])]}}}


HOSTILE = (*TEMPLATES, *(f"a{one}b" for one in "\"' ;{}#$\n\\`\x00\x1b\x7f|&<>()*?!~^=,\t\r"))


@pytest.mark.parametrize("value", HOSTILE, ids=repr)
@pytest.mark.parametrize(("field", "patch"), REFUSED, ids=[name for name, _ in REFUSED])
def test_what_a_configuration_could_read_is_refused(field: str, patch: Any, value: str) -> None:
    if field == "a path" and value[1:2] in set("'&()*!~=,"):
        assert not problems(text_of(patch(value)))  # in quotes none of these means anything (lab.plan.words)
    else:
        assert problems(text_of(patch(value)))


def test_a_refusal_says_why_when_it_looks_like_a_template() -> None:
    for template in ("{{ host }}", "${HOST}"):
        (problem,) = problems(text_of(route(to=f"{template}:3000")))
        assert problem.intention == "nothing in a scenario is a template: write the value itself"


PROXIES = ("nginx", "haproxy", "envoy")
TEXT = st.text(st.characters(codec="utf-8"), max_size=12) | st.text(st.sampled_from("a.-_/:;{}\"'\n#$ "), max_size=12)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(PROXIES), st.sampled_from(["host", "sni", "path"]), TEXT)
def test_whatever_is_taken_leaves_the_configuration_in_its_shape(server: str, field: str, value: str) -> None:
    """The same tokens as with a harmless value, but for the value itself."""
    harmless = {"host": "a", "sni": "a", "path": "/a"}[field]
    value = f"/b{value}" if field == "path" else value
    try:
        made = configuration(server, {field: value})
    except (ScenarioError, Unsupported):
        return
    assert made.count("\n") == configuration(server, {field: harmless}).count("\n")
    for sign in "{};":
        assert made.count(sign) == configuration(server, {field: harmless}).count(sign)
    if server == "envoy":
        json.loads(made)


def configuration(server: str, conditions: dict[str, Any]) -> str:
    patch = route(**conditions)
    patch["containers"]["proxy"]["server"] = server
    case = load(text_of(patch), "shop.yaml", CATALOGUE, {})[0]
    (proxy,) = (one for one in plan(case, CATALOGUE, {}).containers if one.name == "proxy")
    return proxy.files[0].content.decode()

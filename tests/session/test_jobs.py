"""Which cases a name means, what is read for them, and what is said of a name that means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.catalogue import load_catalogue
from lab.engine.project import Project, find_project
from lab.scenario import ScenarioError
from lab.session.jobs import UsageError, all_jobs, chosen, foreign_images, needed_images

CATALOGUE = load_catalogue(Path(__file__).parents[2] / "images")

ONE = """id: one
title: t
namespaces: {web: {}}
containers:
  proxy:
    namespace: web
    server: {each: [nginx, haproxy]}
    listen: [{on: "0.0.0.0:8080", routes: [{to: "127.0.0.1:3000"}]}]
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes: {order: {request: {url: "http://web:8080/"}, expect: {status: 200}}}
twins:
  wrong:
    about: somebody expects another answer
    change: {probes: {order: {expect: {status: 404}}}}
    caught: {order.status: found 200}
"""
TWO = """id: two
title: t
containers: {app: {image: "httpd:2", listen: [{on: "0.0.0.0:80"}]}}
probes: {order: {request: {url: "http://app/"}, expect: {status: 200}}}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "one.yaml").write_text(ONE)
    (tmp_path / "scenarios" / "two.yaml").write_text(TWO)
    return find_project(tmp_path)


def ids(project: Project, *names: str, twins: bool = True) -> list[str]:
    return [job.case.id for job in chosen(project, CATALOGUE, names, twins=twins)]


ALL = ["one.nginx", "one.nginx~wrong", "one.haproxy", "one.haproxy~wrong", "two"]


def test_no_name_means_all(project: Project) -> None:
    assert ids(project) == ALL
    assert [job.case.id for job in all_jobs(project, CATALOGUE)] == ALL


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("one", ALL[:4]),
        ("one.haproxy", ALL[2:4]),
        ("one.nginx~wrong", ["one.nginx~wrong"]),
        ("two", ["two"]),
    ],
)
def test_a_name_means_a_scenario_a_case_with_its_twins_or_a_twin(project: Project, name: str, meant: list[str]) -> None:
    assert ids(project, name) == meant


def test_twins_can_be_left_out_but_not_one_that_is_named(project: Project) -> None:
    assert ids(project, twins=False) == ["one.nginx", "one.haproxy", "two"]
    assert ids(project, "one.nginx~wrong", twins=False) == ["one.nginx~wrong"]


def test_a_file_anywhere_can_be_named_by_its_path(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "three.yaml"
    other.parent.mkdir()
    other.write_text(TWO.replace("id: two", "id: three"))
    assert ids(project, str(other)) == ["three"]


@pytest.mark.parametrize(("name", "said"), [("oen", "did you mean one"), ("one.ngin", "one.nginx"), ("xyzzy", "lab list")])
def test_a_name_that_means_nothing_is_told_with_what_is_near(project: Project, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ids(project, name)


def test_a_mistake_in_one_file_does_not_keep_another_from_running(project: Project) -> None:
    (project.scenarios / "broken.yaml").write_text("id: broken\ntitel: t\n")
    assert ids(project, "two") == ["two"]
    with pytest.raises(ScenarioError):
        ids(project)


def test_what_a_server_cannot_do_is_a_job_that_says_so(project: Project) -> None:
    (project.scenarios / "two.yaml").write_text(
        TWO.replace('image: "httpd:2"', "server: app").replace(':80"}', ':80", tls: passthrough}')
    )
    [job] = chosen(project, CATALOGUE, ["two"])
    assert job.plan is None
    assert job.unsupported == "app has no listener with `tls: passthrough`; it knows none, ended"


def test_a_file_beside_the_scenario_may_not_be_a_way_out(project: Project, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (project.scenarios / "link.conf").symlink_to(tmp_path / "secret")
    text = TWO.replace('image: "httpd:2"', 'image: "httpd:2", files: {/etc/lab/a: {source: link.conf}}')
    (project.scenarios / "two.yaml").write_text(text)
    with pytest.raises(ScenarioError):
        ids(project, "two")
    (project.scenarios / "link.conf").unlink()
    (project.scenarios / "link.conf").write_text("mine")
    assert ids(project, "two") == ["two"]


def test_images_that_are_needed(project: Project) -> None:
    jobs = chosen(project, CATALOGUE, ())
    assert needed_images(jobs) == ["app", "base", "client", "haproxy", "nginx", "recorder"]
    assert foreign_images(jobs) == ["httpd:2"]
    assert needed_images([]) == ["base", "client", "recorder"]

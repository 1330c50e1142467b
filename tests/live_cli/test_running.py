"""`lab run` and `lab judge` on a real engine: what one sees, what a program reads, what is kept."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from typing import TYPE_CHECKING

from tests.command import LAB, ROOT, Project, left_by

if TYPE_CHECKING:
    from lab.engine.docker import Docker

ENDS = """
about: nginx ends TLS before an application on the same loopback
namespaces: {web: {names: [shop.example]}}
containers:
  proxy:
    namespace: web
    server: nginx
    listen: [{on: "0.0.0.0:8443", tls: ended, names: [shop.example], routes: [{to: "127.0.0.1:3000"}]}]
  app: {namespace: web, server: app, listen: [{on: "127.0.0.1:3000"}]}
probes:
  order:
    request: {url: "https://shop.example:8443/orders"}
    expect: {status: 200, route: [proxy, app], tls_ends_at: [proxy], clear_on: [2], dispatched: true}
"""
TWIN = """
twins:
  believed:
    about: somebody expects the first hop to be readable
    change: {probes: {order: {expect: {clear_on: [1, 2]}}}}
    caught: {order.clear_on: found 2}
"""


def test_one_scenario_is_drawn_and_its_document_holds_the_same(docker: Docker, project: Project) -> None:
    project.scenario("ends", ENDS + TWIN)
    done = project.lab("run", "ends", "--json", "out.json")
    assert done.code == 0, done.all
    for words in ("proxy · nginx · pid ", "TLS ends here", "127.0.0.1:3000", "in clear", "  ✓ PASS  1 twin caught: believed"):
        assert words in done.out
    assert "Traceback" not in done.err
    told = json.loads((project.folder / "out.json").read_text())
    assert told == json.loads((project.folder / "runs" / "latest" / "result.json").read_text())
    assert [(one["id"], one["outcome"]) for one in told["scenarios"]] == [("ends", "PASS"), ("ends~believed", "PASS")]
    [probe] = told["scenarios"][0]["probes"]
    [end] = probe["tls_ends_at"]
    assert (end["container"], end["process"], end["port"]) == ("proxy", "nginx", 8443)
    assert {"nginx", "app"} <= told["engine"]["versions"].keys(), "versions are recorded"
    assert left_by(docker, done.pid) == []


def test_every_citation_can_be_looked_up(project: Project) -> None:
    """Each place that a check names is a line, or a packet, that is there."""
    project.scenario("ends", ENDS)
    assert project.lab("run", "ends").code == 0
    [case] = json.loads((project.folder / "runs" / "latest" / "result.json").read_text())["scenarios"]
    folder = project.folder / "runs" / "latest" / case["folder"]
    cited = {one["where"] for check in case["checks"] for one in check["evidence"]}
    assert cited
    for where in cited:
        file, _, number = where.rpartition(":")
        if file.endswith(".pcapng"):
            assert 0 < int(number) <= _packets(folder / file)
        else:
            assert 0 < int(number) <= len((folder / file).read_text().splitlines())


def _packets(path: object) -> int:
    import dpkt

    with open(str(path), "rb") as file:  # noqa: PTH123 - the reader wants a file
        return sum(1 for _ in dpkt.pcapng.Reader(file))


def test_standard_output_is_the_document_alone_where_it_is_asked_for_there(project: Project) -> None:
    project.scenario("ends", ENDS)
    done = project.lab("run", "ends", "--json", "-")
    assert json.loads(done.out)["format"] == "lab-result/1"
    assert "TLS ends here" in done.err


def test_what_fails_is_told_in_full_and_can_be_kept_looked_into_and_taken_down(docker: Docker, project: Project) -> None:
    project.scenario("fails", ENDS.replace("clear_on: [2]", "clear_on: [1, 2]"))
    done = project.lab("run", "fails", "--brief", "--keep")
    try:
        assert done.code == 1
        for words in ("✗ FAIL  fails", "what was seen lies in runs/", "expected 1, 2", "actual   2", "why      so say"):
            assert words in done.out
        [request] = re.findall(r"^  request +(.*)$", done.out, re.MULTILINE)
        answer = subprocess.run(request.split(), capture_output=True, text=True, check=False, timeout=30)  # noqa: S603
        assert json.loads(answer.stdout)["target"] == "/orders", answer.stderr
        assert {row["case"] for row in json.loads(project.lab("ps", "--json").out)} >= {"fails"}
    finally:
        down = project.lab("down", "fails")
    assert down.out == "took down fails\n"
    assert left_by(docker, done.pid) == []


def test_an_old_run_judged_again_says_the_same_without_an_engine(project: Project) -> None:
    project.scenario("ends", ENDS + TWIN)
    assert project.lab("run", "ends").code == 0
    before = json.loads((project.folder / "runs" / "latest" / "result.json").read_text())
    done = project.lab("judge", "--json", "-", LAB_ENGINE="none")
    again = json.loads(done.out)
    assert done.code == 0, done.err
    assert [case["checks"] for case in again["scenarios"]] == [case["checks"] for case in before["scenarios"]]
    assert [case["probes"] for case in again["scenarios"]] == [case["probes"] for case in before["scenarios"]]


def test_on_a_terminal_progress_is_one_line_that_goes_away(project: Project) -> None:
    project.scenario("ends", ENDS)
    code, seen = _on_a_terminal(project, "run", "ends")
    assert code == 0, seen
    assert "ends: start" in seen, "progress is shown while one waits"
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "").rstrip().split("\n")[-1]
    assert last.startswith("the verdict again")


def _on_a_terminal(project: Project, *words: str) -> tuple[int, str]:
    here, there = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "200"}
    environment.pop("LAB_PROGRESS", None)
    process = subprocess.Popen([*LAB, *words], cwd=project.folder, env=environment, stdout=there, stderr=there, stdin=there)  # noqa: S603
    os.close(there)
    seen = b""
    while piece := _read(here):
        seen += piece
    os.close(here)
    return process.wait(60), seen.decode("utf-8", "replace")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux says EIO when the other side is closed
        return b""


def test_doctor_tells_engine_and_witnesses(project: Project) -> None:
    done = project.lab("doctor", "--json")
    facts = {fact["about"]: fact for fact in json.loads(done.out)}
    assert done.code == 0
    assert {"machine", "engine", "kernel", "witness packets", "witness sockets", "witness kernel"} <= facts.keys()
    assert all(fact["state"] == "good" or fact["next_move"] or fact["value"] for fact in facts.values())

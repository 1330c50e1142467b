"""Handlers that several images carry are the same file: each image is built from its own folder alone."""

from __future__ import annotations

from pathlib import Path

import pytest

IMAGES = Path(__file__).parents[2] / "images"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("uvicorn/handler.py", "hypercorn/handler.py"),
        ("gunicorn/handler.py", "socket-activated/handler.py"),
        ("tomcat/Handler.java", "jetty/Handler.java"),
    ],
)
def test_a_handler_is_the_same_in_both(one: str, other: str) -> None:
    assert (IMAGES / one).read_bytes() == (IMAGES / other).read_bytes()

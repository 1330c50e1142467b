"""Runs the application for the tests beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from tests.app.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def app() -> Iterator[Running]:
    with Running() as running:
        yield running


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def keys(authority: trustme.CA, tmp_path: Path) -> str:
    """A TLS folder with the leaf `8443` for shop.example and the authority's own certificate."""
    leaf = authority.issue_cert("shop.example")
    leaf.private_key_pem.write_to_path(tmp_path / "8443.key")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "8443.crt")
    authority.cert_pem.write_to_path(tmp_path / "ca.crt")
    return str(tmp_path)

"""The one-shot issuer: what it writes, for whom, and that another authority would not do."""

from __future__ import annotations

import importlib.util
import json
import os
import ssl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PROGRAM = Path(__file__).parents[2] / "images" / "certs" / "issue.py"


@pytest.fixture(scope="module")
def issue() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab_certs_issue", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def environment(out: Path) -> dict[str, str]:
    owner = f"{os.getuid()}:{os.getgid()}"
    leaf = {"id": "8443", "folder": str(out / "proxy"), "names": ["shop.example"], "owner": owner}
    return {"LEAVES": json.dumps([leaf]), "FOLDERS": json.dumps([str(out / "client")])}


def shakes_hands(ca: Path, folder: Path, name: str) -> bool:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "8443.crt", folder / "8443.key")
    client = ssl.create_default_context(cafile=str(ca))
    a, b = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [client.wrap_bio(a, b, server_hostname=name), server.wrap_bio(b, a, server_side=True)]
    for _ in range(4):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                return False
    return True


def test_files_and_modes(issue: ModuleType, tmp_path: Path) -> None:
    assert issue.main(environment(tmp_path)) == 0
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.*")}
    assert modes == {
        "client/ca.crt": 0o644,
        "proxy/ca.crt": 0o644,
        "proxy/8443.crt": 0o644,
        "proxy/8443.key": 0o600,
        "proxy/8443.pem": 0o600,
    }
    pem = (tmp_path / "proxy/8443.pem").read_bytes()
    assert pem == (tmp_path / "proxy/8443.crt").read_bytes() + (tmp_path / "proxy/8443.key").read_bytes()


def test_the_leaf_holds_for_its_name_under_its_authority_alone(issue: ModuleType, tmp_path: Path) -> None:
    issue.main(environment(tmp_path / "one"))
    issue.main(environment(tmp_path / "two"))
    ca, folder = tmp_path / "one/client/ca.crt", tmp_path / "one/proxy"
    assert shakes_hands(ca, folder, "shop.example")
    assert not shakes_hands(ca, folder, "other.example")
    assert not shakes_hands(tmp_path / "two/client/ca.crt", folder, "shop.example")


def test_it_can_run_twice(issue: ModuleType, tmp_path: Path) -> None:
    issue.main(environment(tmp_path))
    first = (tmp_path / "proxy/8443.key").read_bytes()
    issue.main(environment(tmp_path))
    assert (tmp_path / "proxy/8443.key").read_bytes() != first

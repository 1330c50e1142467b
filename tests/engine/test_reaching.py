"""An engine is reached at any kind of address; what is none, or will not do, is told with its reason. Servers of the test's own
stand for engines."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from lab.engine.docker.reaching import connect
from lab.engine.errors import MachineError
from tests.engine.engines import VERSION, on_port, on_socket

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("e") / "s"


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"), [("1.12", "1.41", "1.41"), ("1.24", "1.52", "1.44"), ("1.46", "1.52", "1.46")]
)
def test_the_newest_version_that_both_know_is_spoken(path: Path, oldest: str, newest: str, spoken: str) -> None:
    with on_socket(path, VERSION | {"ApiVersion": newest, "MinAPIVersion": oldest}) as asked:
        connect(f"unix://{path}").api.containers()
    assert asked == ["/version", f"/v{spoken}/containers/json?limit=-1&all=0&size=0&trunc_cmd=0"]


def test_an_engine_too_old_is_told_from_one_that_is_not_there(path: Path) -> None:
    with (
        on_socket(path, VERSION | {"ApiVersion": "1.22"}),
        pytest.raises(MachineError, match=r"version 1\.22 of its API") as told,
    ):
        connect(f"unix://{path}")
    assert "bring the engine up to date" in told.value.next_move


@pytest.mark.parametrize(
    ("answer", "status"), [(b"<html>hello</html>", 200), (b"[]", 200), ({"Version": "1"}, 200), (b"", 404)]
)
def test_a_server_that_is_no_engine_is_called_so(path: Path, answer: Any, status: int) -> None:
    with on_socket(path, answer, status), pytest.raises(MachineError, match="is no container engine"):
        connect(f"unix://{path}")


@pytest.mark.parametrize("url", ["foo://x", "/run/docker.sock", "tcp://far", "fd://", "npipe:////./pipe/docker_engine"])
def test_an_address_that_is_none_is_called_so(url: str) -> None:
    with pytest.raises(MachineError, match="is no address of an engine") as told:
        connect(url)
    assert "tcp://HOST:2376" in told.value.next_move


def test_an_engine_that_accepts_and_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(MachineError, match="timed out"):
        connect(f"tcp://127.0.0.1:{silent.getsockname()[1]}", first=1)


def test_the_environments_proxies_are_not_for_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with on_port() as (port, asked):
            connect(f"tcp://127.0.0.1:{port}").api.containers()
    assert len(asked) == 2


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _folder(folder: Path, authority: trustme.CA, client: trustme.CA) -> Path:
    issued = client.issue_cert("client.example")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for blob in issued.cert_chain_pems:
        blob.write_to_path(folder / "cert.pem", append=True)
    return folder


def test_tls_with_the_certificates_of_a_folder(tmp_path: Path, authority: trustme.CA) -> None:
    with on_port(_server(authority)) as (port, asked):
        connect(f"tcp://127.0.0.1:{port}", _folder(tmp_path, authority, authority))
    assert asked == ["/version"]


@pytest.mark.parametrize("wrong", ["engine", "client"])
def test_certificates_that_do_not_fit_are_told_as_that(tmp_path: Path, authority: trustme.CA, wrong: str) -> None:
    stranger = trustme.CA()
    folder = _folder(tmp_path, *((stranger, authority) if wrong == "engine" else (authority, stranger)))
    with on_port(_server(authority)) as (port, _), pytest.raises(MachineError) as told:
        connect(f"tcp://127.0.0.1:{port}", folder)
    assert "belong to this engine" in told.value.next_move, told.value


def test_a_folder_that_lacks_a_file_is_told_with_the_file(tmp_path: Path, authority: trustme.CA) -> None:
    _folder(tmp_path, authority, authority)
    (tmp_path / "key.pem").unlink()
    with pytest.raises(MachineError, match=r"no key\.pem in"):
        connect("tcp://127.0.0.1:1", tmp_path)

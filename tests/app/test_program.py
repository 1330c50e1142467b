"""Configuration, and the application as a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import app_config
import pytest
from app_config import Config, ConfigError, Database, Limits, Listener, Rate, parse_config

from tests.app.running import HEAD, PROGRAM, WAIT, program, report

if TYPE_CHECKING:
    from pathlib import Path

LOOPBACK = {"address": "127.0.0.1", "port": 0}


def test_a_good_configuration_is_read() -> None:
    value = {
        "listeners": [{"address": "::", "port": 3000, "tls": "none", "deny": ["/a"], "rate": {"requests": 3}}],
        "limits": {"head_seconds": 2},
        "workers": 2,
        "database": {"host": "db", "port": 5432, "eager": True},
    }
    assert parse_config(value) == Config(
        (Listener("::", 3000, deny=("/a",), rate=Rate(3)),),
        limits=Limits(head_seconds=2),
        workers=2,
        database=Database("db", 5432, eager=True),
    )


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"listeners": []},
        {"listeners": [{"address": "nowhere", "port": 1}]},
        {"listeners": [{"address": "::", "port": 65536}]},
        {"listeners": [{"address": "::", "port": 1, "tls": "ended"}]},
        {"listeners": [{"address": "::", "port": 1, "colour": "red"}]},
        {"listeners": [{"address": "::", "port": 1}], "colour": "red"},
        {"listeners": [{"address": "::", "port": 1}], "workers": 0},
        {"listeners": [{"address": "::", "port": 1}], "database": {"colour": "red"}},
        {"listeners": [{"address": "::", "port": 1, "transport": "sctp"}]},
        {"listeners": [{"address": "::", "port": 1, "transport": "udp", "proxy_protocol": True}]},
        {"listeners": [{"address": "::", "port": 1, "client_certificate": True}]},
        {"listeners": [{"address": "::", "port": 1, "known_names": ["a"]}]},
        {"listeners": [{"address": "::", "port": 1, "rate": {"colour": "red"}}]},
    ],
)
def test_a_configuration_out_of_order_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError):
        parse_config(value)


def test_a_leaf_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = Config((Listener("127.0.0.1", 0, "ended", "8443"),), str(tmp_path))
    with pytest.raises(ConfigError, match=r"8443\.crt"):
        app_config.tls_context(config, config.listeners[0])


def test_a_client_authority_that_is_not_there_is_an_error(keys: str, tmp_path: Path) -> None:
    listener = Listener("127.0.0.1", 0, "ended", "8443", client_certificate=True)
    assert app_config.tls_context(Config((listener,), keys), listener) is not None
    (tmp_path / "ca.crt").unlink()
    with pytest.raises(ConfigError, match=r"ca\.crt"):
        app_config.tls_context(Config((listener,), keys), listener)


def test_term_ends_the_process_at_once(tmp_path: Path) -> None:
    with program(tmp_path, listeners=[LOOPBACK]) as process:
        port = report(process)["local"][1]
        check = [sys.executable, str(PROGRAM), "--check", str(tmp_path / "app.json")]
        assert subprocess.run(check, check=False, timeout=WAIT).returncode == 0  # noqa: S603
        with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as sock:
            sock.sendall(HEAD[:-2])
            assert report(process)["event"] == "accepted"
            process.terminate()
            assert process.wait(WAIT) == 0


def test_a_term_that_comes_while_it_starts_is_not_lost(tmp_path: Path) -> None:
    """It can be read from the exit code: what was held back ends in order, what was not kills."""
    config = tmp_path / "app.json"
    os.mkfifo(config)
    with subprocess.Popen([sys.executable, str(PROGRAM), str(config)]) as process, config.open("w") as writing:  # noqa: S603
        process.terminate()  # it has opened its configuration, and waits for it
        writing.write(json.dumps({"listeners": [LOOPBACK]}))
        writing.close()
        assert process.wait(WAIT) == 0


def test_a_broken_configuration_ends_the_check(tmp_path: Path) -> None:
    config = tmp_path / "app.json"
    config.write_text("{")
    command = [sys.executable, str(PROGRAM), "--check", str(config)]
    done = subprocess.run(command, check=False, timeout=WAIT, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 2
    assert done.stderr.startswith(f"app: {config}: ")

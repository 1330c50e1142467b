"""The words of `lab trace` become what is asked; a mistake is told before anything is started."""

from pathlib import Path
from typing import Any

import pytest

from lab.cli.asking import Given, asked, secrets
from lab.engine.errors import MachineError
from lab.session import UsageError

URL = "https://shop.example/orders?page=2"


def test_a_url_alone_is_a_get_from_the_host_that_verifies_and_is_marked() -> None:
    plain = asked(Given(URL))
    assert (plain.method, plain.vantage, plain.verify, plain.marked, plain.http) == ("GET", "host", True, True, "auto")
    assert plain.connect == ("shop.example", 443)


@pytest.mark.parametrize(
    ("more", "connect"),
    [
        ({"resolve": ("shop.example:443:10.0.1.25",)}, ("10.0.1.25", 443)),
        ({"resolve": ("SHOP.example:443:[::1]",)}, ("::1", 443)),
        ({"resolve": ("shop.example:8443:10.0.1.25", "other:443:1.2.3.4")}, ("shop.example", 443)),
        ({"connect": "[::1]:8443"}, ("::1", 8443)),
        ({"connect": "a:1", "resolve": ("shop.example:443:10.0.1.25",)}, ("a", 1)),
    ],
)
def test_where_the_connection_goes(more: dict[str, Any], connect: tuple[str, int]) -> None:
    assert asked(Given(URL, **more)).connect == connect


def test_data_makes_a_post_and_a_method_is_kept() -> None:
    assert asked(Given(URL, data="a=1")).method == "POST"
    assert asked(Given(URL, data="a=1", method="PUT")).method == "PUT"
    assert asked(Given(URL, data="a=1")).body == b"a=1"


def test_exact_bytes_are_read_as_they_are_and_are_not_marked(tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(b"GET / HTTP/1.1\r\n\xff")
    raw = asked(Given(None, raw=tmp_path / "raw", connect="10.0.1.25:8080"))
    assert (raw.send, raw.url, raw.marked) == (b"GET / HTTP/1.1\r\n\xff", None, False)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Given(None), "no URL"),
        (Given("ftp://x"), "no URL of http or https"),
        (Given("http:///x"), "no URL of http or https"),
        (Given("http://x:99999/"), "Port out of range"),
        (Given(URL, connect="10.0.1.25"), "--connect 10.0.1.25: HOST:PORT is wanted"),
        (Given(URL, connect="x:0"), "HOST:PORT is wanted"),
        (Given(URL, resolve=("shop.example:443",)), "--resolve shop.example:443: HOST:PORT:ADDR is wanted"),
        (Given(URL, headers=("A",)), "Name: value is wanted"),
        (Given(URL, headers=("A: b\r\nC: d",)), "Name: value is wanted"),
        (Given(URL, http1=True, http2=True), "exclude each other"),
        (Given(URL, http2=True, http3=True), "exclude each other"),
        (Given(URL.replace("https", "http"), http3=True), "wants an https URL"),
        (Given(URL, http3=True, proxy="x:3128"), "goes through no proxy"),
        (Given(URL, raw=Path("x"), connect="x:1"), "no URL beside it"),
        (Given(None, raw=Path("x")), "needs --connect"),
        (Given(None, raw=Path("/nowhere/x"), connect="x:1"), "No such file"),
    ],
)
def test_a_mistake_names_the_option_and_what_is_wanted(given: Given, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        asked(given)


def test_what_is_trusted_is_this_machines_list_and_the_file_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    system, own = tmp_path / "system.pem", tmp_path / "own.pem"
    system.write_text("-----BEGIN CERTIFICATE-----\nsystem")
    own.write_text("-----BEGIN CERTIFICATE-----\nown")
    monkeypatch.setenv("SSL_CERT_FILE", str(system))
    assert secrets(None, None, None).ca.split() == ["-----BEGIN", "CERTIFICATE-----", "system"]
    assert "own" in secrets(own, None, None).ca
    assert "system" in secrets(own, None, None).ca


def test_a_file_that_is_no_pem_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.der").write_bytes(b"0\x82")
    with pytest.raises(MachineError, match="is no PEM file"):
        secrets(tmp_path / "x.der", None, None)
    with pytest.raises(UsageError, match="--key needs --cert"):
        secrets(None, None, tmp_path / "x.der")


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("2m", 120), ("1.5", 1.5)])
def test_a_watch_sends_nothing_for_so_long(text: str, seconds: float) -> None:
    plain = asked(Given(None, watch=text, project="shop"))
    assert (plain.watch, plain.url, plain.scope.project, plain.marked) == (seconds, None, "shop", False)


@pytest.mark.parametrize("text", ["", "s", "x", "-1s", "0", "2h", "11m", "nan"])
def test_a_watch_of_no_time_or_too_much_is_a_mistake(text: str) -> None:
    with pytest.raises(UsageError, match="such as 30s or 2m"):
        asked(Given(None, watch=text))


def test_a_watch_beside_a_request_is_a_mistake() -> None:
    with pytest.raises(UsageError, match="give no URL beside it"):
        asked(Given(URL, watch="1s"))

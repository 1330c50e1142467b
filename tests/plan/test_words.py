"""Values as words of a configuration: what is allowed is listed, and everything else is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.plan import words
from lab.plan.words import RenderError

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = [
    (words.token, "10-0-1-25-8443", "10-0-1-25-8443"),
    (words.host, "shop.example", "shop.example"),
    (words.quoted, "/orders/~a?".removesuffix("?"), '"/orders/~a"'),
    (words.number, 8443, "8443"),
    (words.address, "127.0.0.1", "127.0.0.1"),
    (words.address, "::1", "[::1]"),
    (words.address, "web", "web"),
    (words.bare, "::1", "::1"),
    (words.map_key, "shop.example", "shop.example"),
    (words.map_key, "default", "\\default"),
]
BAD = [
    (words.token, "a b"),
    (words.token, "a;"),
    (words.token, ""),
    (words.host, "Shop.example"),
    (words.host, "a\n"),
    (words.host, "a{"),
    (words.quoted, "orders"),
    (words.quoted, '/"; return 200 "'),
    (words.quoted, "/$uri"),
    (words.number, 0),
    (words.number, 65536),
    (words.number, True),
    (words.number, "80"),
    (words.address, "fe80::1%eth0"),
    (words.address, "127.0.0.1;"),
]


@pytest.mark.parametrize(("filter_", "value", "word"), GOOD)
def test_a_word_goes_through_as_it_is_written(filter_: Callable[[object], str], value: object, word: str) -> None:
    assert filter_(value) == word


@pytest.mark.parametrize(("filter_", "value"), BAD)
def test_control_what_could_mean_something_is_refused(filter_: Callable[[object], str], value: object) -> None:
    with pytest.raises(RenderError):
        filter_(value)


@given(st.text())
def test_no_word_has_a_character_that_a_configuration_reads(value: str) -> None:
    for filter_ in (words.token, words.host, words.address, words.bare):
        try:
            word = filter_(value)
        except RenderError:
            continue
        assert not set(word) & set(" \t\r\n;{}\"'\\#$`,()<>")


@given(st.text(alphabet="/abc.~!&'()*+,=:@%-\"\\$ \n;{}#"))
def test_a_quoted_path_ends_where_it_says(value: str) -> None:
    try:
        word = words.quoted(value)
    except RenderError:
        return
    assert word[0] == word[-1] == '"'
    assert not set(word[1:-1]) & set('"\\$\n;{}# ')


def test_an_address_is_told_from_a_name() -> None:
    assert words.is_ip("::1")
    assert words.is_ip("10.0.0.1")
    assert not words.is_ip("shop.example")
    assert not words.is_ip("10.0.0.256")

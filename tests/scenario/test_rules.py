"""Every rule of meaning beside a scenario that keeps it and ones that break it; each mistake is told once, at its place.

The pairs stand in `tests/scenario/pairs`, in a module of the same name as their rules' in `lab/scenario/meaning`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import pytest

from lab.scenario import meaning
from tests.scenario.shop import problems, text_of, under

if TYPE_CHECKING:
    from tests.scenario.pairs.patches import Bad, Pair

NO_RULES = {"view"}
SUBJECTS = [found.name for found in iter_modules(meaning.__path__) if found.name not in NO_RULES]


def pairs_of(subject: str) -> dict[str, Pair]:
    pairs: dict[str, Pair] = import_module(f"tests.scenario.pairs.{subject}").PAIRS
    return pairs


def rules_of(module: Any) -> set[str]:
    return {rule.id for kind in ("RULES", "FILE_RULES") for rule in getattr(module, kind, ())}


PAIRS = {rule: pair for subject in SUBJECTS for rule, pair in pairs_of(subject).items()}
BAD = [(rule, bad) for rule, pair in PAIRS.items() for bad in pair.bad]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_rule_has_its_pair(subject: str) -> None:
    assert set(pairs_of(subject)) == rules_of(import_module(f"lab.scenario.meaning.{subject}"))
    assert all(pair.bad for pair in pairs_of(subject).values())


def test_every_rule_is_asked() -> None:
    assert set(PAIRS) == rules_of(meaning)


def file_of(rule: str) -> str:
    return "scenarios/shop.yaml" if rule == "id" else "shop.yaml"


@pytest.mark.parametrize("rule", PAIRS)
def test_what_keeps_a_rule_is_taken(rule: str) -> None:
    good = dict(PAIRS[rule].good)
    text = text_of(good)
    assert [problem.render() for problem in problems(text, file_of(rule))] == []


@pytest.mark.parametrize(("rule", "bad"), BAD, ids=[f"{rule}-{number}" for number, (rule, _) in enumerate(BAD)])
def test_what_breaks_a_rule_is_told_once_at_its_place(rule: str, bad: Bad) -> None:
    found = problems(text_of(bad.patch), file_of(rule))
    mine = [problem for problem in found if problem.rule == rule]
    assert {problem.rule for problem in found} == {rule, *bad.also}, [problem.render() for problem in found]
    assert [under(problem).strip('"') for problem in mine][:1] == [bad.under.strip('"')], [
        problem.render() for problem in found
    ]
    assert bad.says in mine[0].text
    assert len(mine) == 1

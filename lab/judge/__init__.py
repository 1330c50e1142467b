"""Holds what was found against what was expected. Missing evidence is never a pass: `verdict.decide` is the one place
that says so.

findings   what each kind of check reads from a route, as a table; counts, those that count
wanted     an expectation in words, and as a question
verdict    from expectation and finding to an outcome
probes     all checks of a probe, at its looks and at its end; repeated, over its repetitions
carried    whether a staged probe was carried out as its steps say
certain    what of a route can be expected again
cases      all checks of a case; a twin's case passes if exactly the failures it names were reported
"""

from lab.judge.cases import judge

__all__ = ["judge"]

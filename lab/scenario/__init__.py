"""Scenario files: text to frozen cases, or every mistake in them at once, each with file, line and column.

reading    bytes to text to a tree: YAML, bounded before anything is built
faults     what the YAML library says, in plain sentences
tree       values that know where they stand; merge patches over them
expanding  one tree to the trees of its cases: choices of servers, variants, twins
form       keys, types, patterns, by the schema of `lab.model.scenario`
shapes     what that schema allows at a place
patterns   each pattern in words
wording    mistakes of form in plain sentences
meaning    rules for what a file's words mean together, as a table
telling    gathers mistakes: each once, at its place
problems   one mistake, as a person reads it
schema     the JSON Schema for editors
loading    the whole way
writing    a file made by a program
"""

from lab.scenario.loading import load, siblings_of
from lab.scenario.problems import Problem, ScenarioError
from lab.scenario.reading import MAX_BYTES, decode

__all__ = ["MAX_BYTES", "Problem", "ScenarioError", "decode", "load", "schema", "siblings_of"]


def schema() -> dict[str, object]:
    """The JSON Schema of scenario files."""
    from lab.scenario.schema import schema as made

    return made()

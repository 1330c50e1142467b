"""Scenario files: text to frozen cases, or every mistake in them at once, each with file, line and column."""

from lab.scenario.loading import load, schema, siblings_of
from lab.scenario.problems import Problem, ScenarioError

__all__ = ["Problem", "ScenarioError", "load", "schema", "siblings_of"]

"""The lab: which process got my request, and where did TLS end?

A scenario is data. Between reading it and judging it stands a chain of pure functions over frozen values,
interrupted once by an engine that carries out steps and leaves raw evidence in a run folder::

    scenario  YAML text            -> Scenario       lab.scenario  (errors name file, line, column)
    plan      Scenario, catalogue  -> Plan           lab.plan      (configurations rendered, compose written)
    engine    Plan                 => run folder     lab.engine    (the only package that touches the world)
    trace     Observations         -> Routes         lab.trace     (never sees scenario, plan or configuration)
    judge     expectations, Routes -> Verdicts       lab.judge     (missing evidence is never a pass)
    report    Verdicts             -> text, HTML, JUnit, JSON      lab.report

The values that pass between them live in `lab.model`. `lab.session` strings them together for the command
line (`lab.cli`) and for pytest. Imports go downwards only; the linter holds the walls.
"""

__version__ = "0.1.0"

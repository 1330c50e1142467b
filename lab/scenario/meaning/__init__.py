"""What a scenario's words mean together: rules as a table, each with an id, a sentence and a function.

view          a case as the rules look at it
names         networks, namespaces and containers are defined
addresses     addresses and ports; who can be reached from where
networks      subnets, fixed addresses, ambiguous names
listeners     collisions, absent addresses, what routes can see of TLS
containers    servers, images, configurations, files
publishing    published ports
probes        what is sent, from where, by which way in
steps         one action each, in an order that can be taken
quic_steps    what TCP has and QUIC has not
expectations  what could never be met, or never be checked
changes       twins and variants
running       containers that run already
whole         the file itself

Rule: what would later stop the plan or the engine, and can be told from the file alone, is a mistake here. What a server
cannot do is none; the plan says UNSUPPORTED. A rule has a good and a bad example in the module of the same name in
tests/scenario/pairs.
"""

from lab.scenario.meaning import (
    addresses,
    changes,
    containers,
    expectations,
    listeners,
    names,
    networks,
    probes,
    publishing,
    quic_steps,
    running,
    steps,
    whole,
)
from lab.scenario.meaning.view import Rule, View

RULES: tuple[Rule, ...] = (
    *names.RULES,
    *addresses.RULES,
    *networks.RULES,
    *listeners.RULES,
    *containers.RULES,
    *publishing.RULES,
    *probes.RULES,
    *steps.RULES,
    *quic_steps.RULES,
    *expectations.RULES,
    *changes.RULES,
    *running.RULES,
)
"""Asked of every case."""

FILE_RULES: tuple[Rule, ...] = (*whole.FILE_RULES, *changes.FILE_RULES)
"""Asked of a file once."""

__all__ = ["FILE_RULES", "RULES", "Rule", "View"]

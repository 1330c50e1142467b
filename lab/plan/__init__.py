"""A case and the catalogue to a plan: everything decided, nothing done.

planning   the plan: networks, namespaces, containers with their files, probes
probes     a request, exact bytes, or steps, spelled out
running    probes of containers that run already
told       a planned step in words
servers    one container of the lab's: its listeners as the templates want them, its leaves, its files
shapes     what a template is given
abilities  what a server's row says that it can do, held against what is asked
choices    the ordered rules of a listener in the shapes that servers want
render     the configuration of one server
words      values as words of a configuration
compose    the same arrangement as a compose file
"""

from lab.plan.planning import plan

__all__ = ["plan"]

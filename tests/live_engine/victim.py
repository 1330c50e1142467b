"""A program for `test_guard.py` to kill: guards a run, then makes containers and networks until it is ended.

Usage: victim.py URL IMAGE RUN. Writes a line when the guard stands.
"""

from __future__ import annotations

import itertools
import sys

from lab.engine import docker as engine
from lab.engine import labels, subnets
from lab.engine.docker import ContainerSpec, Mount
from lab.engine.guard import guard


def main(url: str, image: str, name: str) -> None:
    docker = engine.connect(url)
    run = labels.Run(name, labels.this_process())
    mark = labels.run_labels(run, "test")
    with guard(docker, run):
        print("guarded", flush=True)
        for number in itertools.count():
            own = labels.object_name(run, "", str(number))
            network = subnets.make_network(docker, subnets.Wish(own, mark, None, internal=True))
            mount = Mount("/etc/lab", labels=mark)
            spec = ContainerSpec(own, image, mark, ("sleep", "60"), network=network.name, mounts=(mount,))
            engine.start(docker, engine.create_container(docker, spec))
            if number == 8:
                break
        sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])

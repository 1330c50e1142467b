"""Take an arrangement down: everything it made, in any state of half-made. Idempotent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TYPE_CHECKING

from lab.engine import docker
from lab.engine.arrange import AT_ONCE
from lab.engine.errors import EngineError

if TYPE_CHECKING:
    from lab.engine.arrange import Standing


def take_down(standing: Standing) -> None:
    """Remove containers with their volumes, then networks. The first error is raised after all was tried."""
    for client in standing.clients.values():
        client.close()
    engine = standing.bench.docker
    for made in standing.paused:
        with suppress(EngineError):  # it may be gone; if the engine is, the removal says so
            docker.unpause(engine, made)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        containers = [pool.submit(docker.remove_container, engine, made) for made in reversed(standing.made)]
        wait(containers)
        networks = [pool.submit(docker.remove_network, engine, network.id) for network in standing.networks.values()]
        wait(networks)
    for future in (*containers, *networks):
        future.result()

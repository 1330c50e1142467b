"""The one adapter over the Docker SDK: narrow verbs, frozen values of our own, our own errors.

connection   an engine that was reached; its exceptions translated
reaching     reach one at any kind of address; version and facts
tunnel       the way to one behind ssh
tls          a TLS socket for an agent's two directions
spec         what is decided about a container
containers   create, start, inspect, kill, remove
files        into a container and out of it
streams      logs, attached streams, commands
networks     create with a subnet that meets nobody; list; remove
images       exists, build, import, pull, tag, remove
volumes      create, list, remove
objects      all three alike, by their labels
fake         an engine in memory that keeps the same contract
events       what happened to objects that carry a label

The SDK is imported when an engine is first reached and not before: `lab --help` never pays for it.
"""

from lab.engine.docker.connection import Docker, EngineFacts
from lab.engine.docker.containers import (
    ContainerFacts,
    connect_network,
    containers,
    create_container,
    inspect,
    kill,
    memory,
    memory_peak,
    pause,
    remove_container,
    running,
    start,
    stop,
    unpause,
    wait,
)
from lab.engine.docker.events import Death, Watch, wait_for_network_end, watch_deaths
from lab.engine.docker.files import ArchiveFile, get_archive, put_files
from lab.engine.docker.images import (
    BuildSpec,
    Cancel,
    ImageFacts,
    build_image,
    image,
    images,
    import_image,
    pull_image,
    remove_image,
    tag_image,
)
from lab.engine.docker.networks import NetworkFacts, NetworkSpec, create_network, networks, remove_network
from lab.engine.docker.objects import Labelled, labelled, remove_labelled
from lab.engine.docker.reaching import connect, facts
from lab.engine.docker.spec import ContainerSpec, Mount, PortSpec
from lab.engine.docker.streams import Attached, attach, exec_in, follow_logs, logs
from lab.engine.docker.volumes import VolumeFacts, create_volume, remove_volume, volumes

__all__ = [
    "ArchiveFile",
    "Attached",
    "BuildSpec",
    "Cancel",
    "ContainerFacts",
    "ContainerSpec",
    "Death",
    "Docker",
    "EngineFacts",
    "ImageFacts",
    "Labelled",
    "Mount",
    "NetworkFacts",
    "NetworkSpec",
    "PortSpec",
    "VolumeFacts",
    "Watch",
    "attach",
    "build_image",
    "connect",
    "connect_network",
    "containers",
    "create_container",
    "create_network",
    "create_volume",
    "exec_in",
    "facts",
    "follow_logs",
    "get_archive",
    "image",
    "images",
    "import_image",
    "inspect",
    "kill",
    "labelled",
    "logs",
    "memory",
    "memory_peak",
    "networks",
    "pause",
    "pull_image",
    "put_files",
    "remove_container",
    "remove_image",
    "remove_labelled",
    "remove_network",
    "remove_volume",
    "running",
    "start",
    "stop",
    "tag_image",
    "unpause",
    "volumes",
    "wait",
    "wait_for_network_end",
    "watch_deaths",
]

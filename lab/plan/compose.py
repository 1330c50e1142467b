"""The same arrangement as a compose file, for plain `docker compose up`: the containers of a case, without recorder and probes.

Holders, servers and clients are services; servers join their holder's namespace. Private keys are in no file: a
service `certs` makes a CA and the leaves at start and leaves them in volumes. Written as text by a YAML library from
plain values, so nothing is pasted together. Needs Compose 2.20 or newer.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from lab.model.plan import CONFIG_FOLDER, TLS_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lab.model.catalogue import Catalogue
    from lab.model.plan import Plan, PlannedContainer, PlannedNamespace

CLIENT = "client"
BASE = "${LAB_BASE:-lab/base:trixie}"
"""What the images stand on: the lab's own base image, by the tag that `lab images` gives it."""

GRACE = "3s"
"""TERM ends every server of the lab within a second or so. What does not hear it, such as a program that has only just been
started as process 1, is not waited for as long as compose would by itself, which is ten seconds."""

_HARDENED: dict[str, Any] = {"cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"], "read_only": True}


def compose(plan: Plan, catalogue: Catalogue, scenario_file: str) -> dict[str, str]:
    """File name relative to `compose/` -> text: the compose file, and the configurations it mounts."""
    files = {
        _file(plan.case, container, path.path): path.content.decode("utf-8", "replace")
        for container in plan.containers
        for path in container.files
    }
    return {f"{plan.case}.yaml": _head(plan, scenario_file) + _yaml(_document(plan, catalogue)), **files}


def _head(plan: Plan, scenario_file: str) -> str:
    lines = [
        f"Generated from {scenario_file} by `lab compose`; `lab compose --check` tells whether it is fresh.",
        "",
        "    lab images        # or, where a registry answers: docker compose ... build, the holder's image first",
        f"    docker compose -f compose/{plan.case}.yaml up -d",
        *([f"    docker compose -f compose/{plan.case}.yaml exec client {_curl(plan)}"] if _curl(plan) else []),
        f"    docker compose -f compose/{plan.case}.yaml down -v",
        "",
        "Private keys are made when it starts and live in its volumes, which `down -v` removes.",
    ]
    if any(publish.on == "gateway" for namespace in plan.namespaces for publish in namespace.publish):
        lines.append("Publishing on the bridge's gateway address has no counterpart here and is left out.")
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


def _curl(plan: Plan) -> str:
    first = next((probe for probe in plan.probes if probe.url and probe.vantage == CLIENT), None)
    return f"curl -sS --cacert {TLS_FOLDER}/ca.crt {first.url}" if first else ""


def _document(plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    services: dict[str, Any] = {}
    if _issues(plan):
        services["certs"] = _certs(plan, catalogue)
    for namespace in plan.namespaces:
        services[_holder(namespace.name)] = _holding(plan, namespace, catalogue)
    for container in plan.containers:
        services[container.name] = _server(plan, container, catalogue)
    volumes: dict[str, Any] = {f"tls-{name}": {} for name in _receivers(plan)}
    networks = {
        one.name: {
            **({"internal": True} if one.internal else {}),
            **({"ipam": {"config": [{"subnet": one.subnet}]}} if one.subnet else {}),
        }
        for one in plan.networks
    }
    name = "lab-" + plan.case.replace(".", "-").replace("+", "-")
    return {"name": name, "services": services, "networks": networks, **({"volumes": volumes} if volumes else {})}


def _holder(namespace: str) -> str:
    return CLIENT if namespace == CLIENT else f"{namespace}-net"


def _image(name: str) -> dict[str, Any]:
    if name == "base":
        return {"image": BASE, "build": {"context": "../images/base"}}
    return {"image": f"lab/{name}:latest", "build": {"context": f"../images/{name}", "args": {"BASE": BASE}}}


def _foreign(reference: str, catalogue: Catalogue) -> dict[str, Any]:
    """An image that is none of the lab's servers; one of the lab's own all the same can be built where it is missing."""
    repository, _, _ = reference.partition(":")
    own = repository.removeprefix("lab/")
    return {**_image(own), "image": reference} if own != repository and own in catalogue.servers else {"image": reference}


def _holding(plan: Plan, namespace: PlannedNamespace, catalogue: Catalogue) -> dict[str, Any]:
    is_client = namespace.name == CLIENT
    service: dict[str, Any] = {
        **_image(CLIENT if is_client else "base"),
        "command": ["sleep", "infinity"],
        "stop_signal": "SIGKILL",
        "user": catalogue.servers[CLIENT].user,
        "hostname": namespace.name,
        **_HARDENED,
        "networks": {
            one.network: {"aliases": list(one.aliases), **({"ipv4_address": one.address} if one.address else {})}
            for one in namespace.attachments
        },
    }
    if namespace.ipv6:
        service["sysctls"] = {"net.ipv6.conf.all.disable_ipv6": 0}
    ports = [f"127.0.0.1:{p.host_port or ''}:{p.port}" for p in namespace.publish if p.on == "loopback"]
    if ports:
        service["ports"] = ports
    if is_client:
        service["tmpfs"] = ["/tmp"]  # noqa: S108 - inside the container
        _with_keys(plan, service, CLIENT)
    return service


def _server(plan: Plan, container: PlannedContainer, catalogue: Catalogue) -> dict[str, Any]:
    own = _foreign(container.image, catalogue) if container.foreign else _image(container.image)
    service: dict[str, Any] = {**own, "network_mode": f"service:{_holder(container.namespace)}", **_HARDENED}
    service["read_only"] = container.read_only
    service["stop_grace_period"] = GRACE
    if container.command:
        service["command"] = [word.replace("$", "$$") for word in container.command]
    if container.user:
        service["user"] = container.user
    if container.environment:
        service["environment"] = {key: value.replace("$", "$$") for key, value in container.environment}
    if container.writable:
        service["tmpfs"] = [f"{folder}:mode=1777" for folder in container.writable]
    service["volumes"] = [f"./{_file(plan.case, container, one.path)}:{one.path}:ro" for one in container.files]
    service["depends_on"] = {_holder(container.namespace): {"condition": "service_started"}}
    _with_keys(plan, service, container.name)
    return service


def _with_keys(plan: Plan, service: dict[str, Any], name: str) -> None:
    if name in _receivers(plan):
        service.setdefault("volumes", []).append(f"tls-{name}:{TLS_FOLDER}:ro")
        service.setdefault("depends_on", {})["certs"] = {"condition": "service_completed_successfully"}


def _file(case: str, container: PlannedContainer, path: str) -> str:
    return f"{case}/{container.name}/{path.removeprefix(f'{CONFIG_FOLDER}/').lstrip('/')}"


def _issues(plan: Plan) -> bool:
    return bool(_receivers(plan))


def _receivers(plan: Plan) -> list[str]:
    """Containers that get a folder of certificates: those with a leaf or an upstream to verify, and then the client."""
    servers = [one.name for one in plan.containers if one.leaves or one.needs_ca]
    client = [CLIENT] if servers and any(one.name == CLIENT for one in plan.namespaces) else []
    return servers + client


def _certs(plan: Plan, catalogue: Catalogue) -> dict[str, Any]:
    leaves = [
        {"id": leaf.id, "folder": f"/out/{one.name}", "names": list(leaf.names), "owner": one.user or "0:0"}
        for one in plan.containers
        for leaf in one.leaves
    ]
    row = catalogue.servers["certs"]
    return {
        **_image("certs"),
        "user": row.user,
        "network_mode": "none",
        **_HARDENED,
        "cap_add": ["CHOWN", "DAC_OVERRIDE"],
        "environment": {
            "LEAVES": json.dumps(leaves),
            "FOLDERS": json.dumps([f"/out/{name}" for name in _receivers(plan)]),
        },
        "volumes": [f"tls-{name}:/out/{name}" for name in _receivers(plan)],
    }


def _yaml(document: Mapping[str, Any]) -> str:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 4096
    yaml.representer.ignore_aliases = lambda *_: True
    out = io.StringIO()
    yaml.dump(dict(document), out)
    return out.getvalue()

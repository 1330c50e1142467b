"""A scenario as a person writes it: one YAML file, one arrangement, its probes and what must be seen.

The schema is strict: an unknown key, a wrong type or a name that nothing defines is an error of the person's,
reported with file, line and column by `lab.scenario`. Values are data only; nothing in a scenario is ever
evaluated as a template.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from lab.model.routes import Stage

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
"""A name of a container, namespace, network, probe or twin: lower case, digits, dashes; a DNS label."""

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HostName = Annotated[str, StringConstraints(max_length=253, pattern=rf"^{_LABEL}(\.{_LABEL})*$")]
"""A DNS name in lower case (RFC 1123, section 2.1)."""

Claim = Annotated[str, StringConstraints(pattern=r"^C[0-9]{2}$")]
Port = Annotated[int, Field(ge=1, le=65535)]

Address = Annotated[str, StringConstraints(pattern=r"^(\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+):[0-9]{1,5}$")]
"""`127.0.0.1:3000`, `[::]:8443` or, where a name is allowed, `app:3000`."""

TextLine = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of text: no control characters, so it can neither end a directive nor start a header."""

UrlPath = Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._~!&'()*+,=:@%/-]*$")]
"""A path prefix without quotes, blanks, braces, `$`, `;` or `#`: nothing that a server's configuration would read."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Tls(StrEnum):
    """What a listener does with TLS (the Gateway API's words: terminate, passthrough)."""

    NONE = "none"
    ENDED = "ended"
    PASSTHROUGH = "passthrough"


class Each(_Strict):
    """`{each: [nginx, haproxy]}` in place of a server: the scenario becomes one case per server."""

    each: Annotated[tuple[Name, ...], Field(min_length=2)]


class Network(_Strict):
    """One container network. It is internal (no way out) unless a port of a namespace on it is published."""

    subnet: str | None = None
    """A fixed subnet such as `10.0.1.0/24`, only where an address in it is the point; else one is chosen."""


class Attachment(_Strict):
    """How a namespace stands on a network."""

    address: str | None = None
    """A fixed address inside the network's fixed subnet."""


class Publish(_Strict):
    """A port of a namespace published on the engine's host.

    `loopback` publishes on 127.0.0.1: host-local traffic goes through the engine's port forwarder.
    `gateway` publishes on the network's own gateway address, which exists on this host only: traffic from the
    host is rewritten by the kernel (DNAT) and no forwarder touches it.
    """

    port: Port
    host_port: Port | None = None
    """Chosen by the engine when absent."""
    on: Literal["loopback", "gateway"] = "loopback"


class Namespace(_Strict):
    """One network namespace: its addresses, its loopback, its socket table. Containers run in it."""

    networks: tuple[Name, ...] | dict[Name, Attachment] = ()
    """Names of networks; empty: the scenario's only network, or `lab` if it names none."""
    names: tuple[HostName, ...] = ()
    """DNS names under which the others on its networks find it, beside its own name."""
    publish: tuple[Publish, ...] = ()


class UpstreamTls(_Strict):
    """TLS towards the upstream, always verified against the run's own CA."""

    name: HostName
    """The name that the upstream's certificate must carry; also sent as SNI."""


class Rule(_Strict):
    """Where a listener sends what it gets. The first rule whose conditions all hold is taken."""

    to: Address
    """Upstream: an IP address or the name of a namespace or container, and a port."""
    sni: HostName | None = None
    host: HostName | None = None
    path: UrlPath | None = None
    """A prefix of the request's path."""
    tls: Literal[Tls.ENDED, Tls.PASSTHROUGH] | None = None
    """Only with `sni`: overrides the listener's `tls` for this name."""
    upstream_tls: UpstreamTls | None = None


class Listen(_Strict):
    """One listener of a container."""

    on: Address
    tls: Tls = Tls.NONE
    names: tuple[HostName, ...] = ()
    """Names on the leaf certificate of a listener that ends TLS; empty: the names of its namespace."""
    routes: tuple[Rule, ...] = ()
    """Empty for a server that answers itself."""


class File(_Strict):
    """A file put into a container before it starts: its text, or a file beside the scenario."""

    content: str | None = None
    source: str | None = None
    """A path relative to the scenario file; it may not leave that folder."""


class Container(_Strict):
    """One container: a server of the lab with a generated configuration, the same with a configuration of the
    user's own, or any other image."""

    namespace: Name | None = None
    """The namespace it runs in; absent: one of its own, under its own name."""
    server: Name | Each | None = None
    image: TextLine | None = None
    listen: tuple[Listen, ...] = ()
    config: str | None = None
    """A configuration file of the user's own (path relative to the scenario file), taken as it is."""
    command: tuple[str, ...] = ()
    environment: dict[Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], str] = {}
    files: dict[Annotated[str, StringConstraints(pattern=r"^/[A-Za-z0-9._/-]+$")], File] = {}


class ClientTls(_Strict):
    """The client's side of TLS for exact bytes."""

    sni: HostName | None = None
    alpn: tuple[TextLine, ...] = ()
    verify: bool = True
    """Against the run's CA, and against `sni`."""


class Request(_Strict):
    """An ordinary request, sent by an ordinary HTTP client."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]+$")]
    method: Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,16}$")] = "GET"
    headers: dict[Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")], TextLine] = {}
    body: str = ""
    connect_to: Address | None = None
    """Where to connect instead of the URL's host and port; SNI and Host stay the URL's."""
    verify: bool = True
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds for connecting and for each read."""


class Exact(_Strict):
    """Exact bytes on a connection, never repaired."""

    connect_to: Address
    send: str = ""
    """Characters U+0000 to U+00FF, each one byte (write them with YAML's double-quoted escapes)."""
    tls: ClientTls | None = None
    timeout: Annotated[float, Field(gt=0, le=60)] = 5.0


class HopExpect(_Strict):
    """What must be seen of one hop; only what is given is checked."""

    to: Name
    listener: Address | None = None
    local: Address | None = None
    process: str | None = None
    """Name of the receiving program, as the kernel names its executable: `nginx`, `haproxy`, `envoy`, `python3`."""
    protocol: Literal["tls", "http/1.0", "http/1.1", "h2", "bytes"] | None = None
    tls: Literal["ended", "passed through", "begun", "none"] | None = None
    sni: HostName | None = None


class Expect(_Strict):
    """What must be seen of a probe. Each key given becomes one check, `<probe>.<key>`."""

    stage: Stage | None = None
    dispatched: bool | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    answered_by: Name | None = None
    """The container whose process wrote the answer that the client got."""
    route: tuple[Name | HopExpect, ...] | None = None
    """The receivers, hop by hop, from the client to the last process that got the request."""
    receiver: Name | None = None
    tls_ends_at: tuple[Name, ...] | None = None
    """Containers in which TLS ended, from the client inwards; empty: nowhere."""
    certificate: Name | None = None
    """The container that holds the leaf which the client accepted."""
    clear_on: tuple[Annotated[int, Field(ge=1)], ...] | None = None
    """Numbers of the hops on which the probe's own bytes could be read in clear."""
    entry: Literal["direct", "dnat", "forwarder"] | None = None
    """How a request from the host came into the container's namespace."""
    stopped_by: str | None = None
    """`kernel of NAMESPACE` or a container's name."""


class Probe(_Strict):
    """One request and what must be seen of it."""

    from_: Annotated[Name, Field(alias="from")] = "client"
    """`client` (a container of its own on all networks), `host`, or a namespace: from inside it, loopback included."""
    via: Literal["name", "published", "gateway", "direct"] = "name"
    """For `from: host`: connect to the port published on 127.0.0.1, on the gateway address, or to the namespace's
    own address. Everywhere else a name or address is used as it stands."""
    request: Request | None = None
    exact: Exact | None = None
    expect: Expect = Expect()


class Twin(_Strict):
    """The same arrangement with one thing wrong, and the failure that must be reported."""

    about: TextLine
    change: dict[str, object]
    """A JSON merge patch (RFC 7396) over the scenario."""
    caught: Annotated[dict[str, TextLine], Field(min_length=1)]
    """Check id -> words that the reported failure must contain. Exactly these checks must fail."""


class Scenario(_Strict):
    """One arrangement, its probes, its expectations, the claims it proves, and its broken twins."""

    id: Name
    title: TextLine
    about: str = ""
    claims: tuple[Claim, ...] = ()
    networks: dict[Name, Network] = {}
    namespaces: dict[Name, Namespace] = {}
    containers: dict[Name, Container] = {}
    probes: dict[Name, Probe] = {}
    listening: dict[Name, tuple[Address, ...]] = {}
    """Container -> the listeners that its processes must hold in the kernel's socket table, no more and no fewer."""
    twins: dict[Name, Twin] = {}


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario under one server, or one twin of it: what is carried out and judged."""

    id: str
    """`<scenario>`, `<scenario>.<server>`, with `~<twin>` appended for a twin."""
    scenario: Scenario
    """After the choice of servers, and after the twin's change."""
    twin: str | None
    file: str
    check_lines: tuple[tuple[str, int], ...]
    """Id of each check of this case, and the line on which its expectation stands."""

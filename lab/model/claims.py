"""The statements of the chapter that scenarios prove. An id never changes; a scenario names the ids that it proves.

What a claim needs is said in `Claim.seen`: evidence from outside that proves it, beside a control where it must not hold.
"""

from __future__ import annotations

from typing import NamedTuple


class Claim(NamedTuple):
    """One statement that a reader can run."""

    says: str
    seen: str
    """What has to be seen, from outside the program that is being talked about."""


CLAIMS: dict[str, Claim] = {
    "C01": Claim(
        "The application gets bytes through its operating system, never a browser event.",
        (
            "The first thing the server's side shows of a probe is a packet; the application's first sight of it "
            "comes later, by a read on a socket."
        ),
    ),
    "C02": Claim(
        "The network stack ties the traffic to a socket, and a process accepts or reads from it.",
        "The packet's four-tuple, the socket with the same tuple, and the process that accepted it.",
    ),
    "C03": Claim(
        "Machine and process are distinct: the machine receives packets with no process there.",
        (
            "With no listener: SYN in, RST out, both made by the kernel. With a frozen process: handshake done, "
            "bytes acknowledged, socket owned by nobody."
        ),
    ),
    "C04": Claim(
        (
            "Process kinds: nginx, Apache, Caddy, Node.js, Python ASGI, Python WSGI, a Java application server, a "
            "Go HTTP server, a reverse proxy, an application runtime."
        ),
        "Each one runs for real, in the same arrangements, under the same probes.",
    ),
    "C05": Claim(
        "Machine kinds: physical, virtual, container host, cloud instance, serverless or platform-managed runtime.",
        (
            "A report states which kind of machine the containers ran on and how that was told; a function "
            "runtime is an arrangement of its own."
        ),
    ),
    "C06": Claim(
        "A process asks to listen on an address and a port: `0.0.0.0:443`, `127.0.0.1:3000`, `10.0.1.25:8080`.",
        (
            "All three listeners, read from the kernel's socket table, each tried from the same namespace, from "
            "another container and through a published port."
        ),
    ),
    "C07": Claim(
        "The address chooses interfaces, the port names the service.",
        "Which listener took a connection and why: specific before wildcard, loopback unreachable from outside.",
    ),
    "C08": Claim(
        "No listener: connection error, refusal, or another component answers instead.",
        (
            "Refused (RST), timed out (dropped), answered by a proxy (502), accepted and dropped by a published- "
            "port forwarder: told apart."
        ),
    ),
    "C09": Claim(
        "Interface, network stack, transport, socket buffer, process: in that order.",
        "One probe's timeline with evidence at each of the five.",
    ),
    "C10": Claim(
        "TCP's state, acknowledgement, ordering, retransmission and buffering are the kernel's.",
        (
            "Under loss and reordering on the link, the capture shows retransmission and disorder while the "
            "process reads one ordered stream."
        ),
    ),
    "C11": Claim(
        "The process reads streams or datagrams, not raw packets.",
        "Segments in the capture against read sizes of the process; datagrams likewise for UDP.",
    ),
    "C12": Claim(
        "Accepting is not handling.",
        "A connection accepted by a process with no request dispatched.",
    ),
    "C13": Claim(
        "One connection may carry no complete request, one, several in turn, or several streams at once.",
        (
            "Connections and dispatches counted apart: 1:0, 1:1, 1:n by keep-alive and by pipelining, 1:n streams "
            "over HTTP/2 and over HTTP/3."
        ),
    ),
    "C14": Claim(
        "TLS must end before the component that handles HTTP can see it.",
        "The component that could read the request line is the one that ended TLS, or stands behind it.",
    ),
    "C15": Claim(
        "TLS may end in the application process.",
        "Ended there, by packets and by certificate.",
    ),
    "C16": Claim(
        "TLS may end in a reverse proxy on the machine.",
        "Likewise.",
    ),
    "C17": Claim(
        "TLS may end in a sidecar.",
        "Likewise, the sidecar sharing the application's network namespace.",
    ),
    "C18": Claim(
        "TLS may end in a load balancer or an ingress before the application server.",
        "Likewise; with pass-through and with a new TLS session towards the upstream told apart from it.",
    ),
    "C19": Claim(
        "After termination method, path, headers and body are visible; before it they are encrypted transport data.",
        "The probe's own path is found in the bytes on one side of the terminating process and not on the other.",
    ),
    "C20": Claim(
        (
            "A request is rarely read in one step; the pieces wait in the kernel, the TLS layer, the server "
            "library, the framework."
        ),
        (
            "One request in several segments: bytes waiting in the receive buffer, reads of the process, events "
            "of the parser, each with its size and time."
        ),
    ),
    "C21": Claim(
        "The stack must find where the headers end.",
        "No dispatch before the blank line; dispatch after it.",
    ),
    "C22": Claim(
        "... whether there is a body.",
        "A request with and one without, told apart by what the server waits for.",
    ),
    "C23": Claim(
        "... how large it is.",
        "Content-Length short, exact and over.",
    ),
    "C24": Claim(
        "... whether it is streamed or chunked.",
        "Chunked bodies, a chunk boundary inside a segment and across two.",
    ),
    "C25": Claim(
        "... whether the request is valid.",
        "Invalid requests, who refused them, and whether a handler had run.",
    ),
    "C26": Claim(
        "... whether a limit is exceeded.",
        "Line, header, body and time limits, each refused by a named component.",
    ),
    "C27": Claim(
        "Only then does the application layer get a request object.",
        "The parser's last event before dispatch, and nothing dispatched without it.",
    ),
    "C28": Claim(
        "nginx in public, the application on localhost behind it.",
        "The whole route, hop by hop.",
    ),
    "C29": Claim(
        "Load balancer with TLS, then a reverse proxy, then the application.",
        "Likewise.",
    ),
    "C30": Claim(
        "Platform ingress, then a container or a function runtime.",
        "Likewise for both; the function has no listening socket of its own.",
    ),
    "C31": Claim(
        "There is always a receiving boundary where traffic becomes readable by a process.",
        "Every route names it.",
    ),
    "C32": Claim(
        "There may be several hops before the handler.",
        "Routes of one to five hops.",
    ),
    "C33": Claim(
        "At receipt the request may not be fully parsed.",
        "A probe held at that stage, and released.",
    ),
    "C34": Claim(
        "No route matched yet.",
        "Likewise: parsed, and no route.",
    ),
    "C35": Claim(
        "No handler run yet.",
        "Likewise.",
    ),
    "C36": Claim(
        "No database query yet.",
        "With a real database behind the handler: no traffic to it before dispatch, traffic after.",
    ),
    "C37": Claim(
        "The server may still reject, for protocol, size, timeout or security reasons.",
        "One rejection of each kind, with the component that did it and the stage it was at.",
    ),
    "C38": Claim(
        (
            "The diagnostic question: has the server only received transport data, or has the request reached "
            "application dispatch?"
        ),
        "Every probe of every scenario, and any request to any running deployment, gets that answer in one line.",
    ),
}

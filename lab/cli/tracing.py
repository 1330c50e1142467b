"""`lab trace`: the truth about a deployment that the lab did not make."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lab.cli.options import FAILED, OK, ProgressOption, Without
from lab.report.progress import Mode

if TYPE_CHECKING:
    from lab.session.saving import Saving
    from lab.session.tracing import Traced

Url = Annotated[str | None, typer.Argument(help="The request's URL, http or https.", metavar="URL")]
From = Annotated[
    str,
    typer.Option("--from", help="Send it from: host; client, a container of its own; a container's name.", metavar="WHERE"),
]
Project = Annotated[str | None, typer.Option("--project", "-p", help="Look into this compose project alone.")]
Containers = Annotated[list[str] | None, typer.Option("--container", help="Look into this container; may be given again.")]
Resolve = Annotated[
    list[str] | None, typer.Option("--resolve", help="Connect to ADDR for this host and port.", metavar="HOST:PORT:ADDR")
]
Raw = Annotated[Path | None, typer.Option("--raw", help="Send this file's bytes, exactly; needs --connect.", metavar="FILE")]
ConnectTo = Annotated[str | None, typer.Option("--connect", help="Connect there, whatever the URL says.", metavar="HOST:PORT")]
Method = Annotated[str | None, typer.Option("--request", "-X", help="The request's method.", metavar="METHOD")]
Headers = Annotated[list[str] | None, typer.Option("--header", "-H", help="A header field; may be given again.")]
Data = Annotated[str | None, typer.Option("--data", "-d", help="The request's body; @FILE reads it from a file.")]
CaFile = Annotated[Path | None, typer.Option("--cacert", help="Trust these certificate authorities too.", metavar="FILE")]
Insecure = Annotated[bool, typer.Option("--insecure", "-k", help="Do not verify the server's certificate.")]
Cert = Annotated[Path | None, typer.Option("--cert", help="Show this certificate of the client.", metavar="FILE")]
Key = Annotated[Path | None, typer.Option("--key", help="Its private key, if it is not in the same file.", metavar="FILE")]
One = Annotated[bool, typer.Option("--http1.1", help="Offer HTTP/1.1 alone.")]
Two = Annotated[bool, typer.Option("--http2", help="Offer HTTP/2 alone; in clear, by prior knowledge.")]
Three = Annotated[bool, typer.Option("--http3", help="Offer HTTP/3 alone, over QUIC.")]
Proxy = Annotated[str | None, typer.Option("--proxy", "-x", help="Ask this HTTP proxy to CONNECT.", metavar="HOST:PORT")]
Timeout = Annotated[float, typer.Option("--timeout", help="Seconds for connecting and for each read.", min=0.1, max=60.0)]
NoHeader = Annotated[bool, typer.Option("--no-header", help="Send no Lab-Probe header: identical bytes and time must do.")]
Watch = Annotated[
    str | None, typer.Option("--watch", help="Send nothing; tell the routes of requests that pass.", metavar="DURATION")
]
Save = Annotated[
    str | None,
    typer.Option(
        "--save", help="Write a scenario that expects what was found: NAME in scenarios/, or a path that ends in .yaml.",
        metavar="NAME",
    ),
]  # fmt: skip
JsonFile = Annotated[
    Path | None,
    typer.Option("--json", help="Write the document lab-result/1 to FILE; - is standard output.", metavar="FILE"),
]


def trace(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    url: Url = None,
    where: From = "host",
    project: Project = None,
    container: Containers = None,
    resolve: Resolve = None,
    raw: Raw = None,
    connect: ConnectTo = None,
    method: Method = None,
    header: Headers = None,
    data: Data = None,
    cacert: CaFile = None,
    insecure: Insecure = False,
    cert: Cert = None,
    key: Key = None,
    http1: One = False,
    http2: Two = False,
    http3: Three = False,
    proxy: Proxy = None,
    timeout: Timeout = 5.0,
    no_header: NoHeader = False,
    watch: Watch = None,
    save: Save = None,
    without: Without = None,
    json_file: JsonFile = None,
    progress: ProgressOption = Mode.AUTO,
) -> None:
    """Tell who gets a request, in containers that run already.

    One request is sent, and followed hop by hop. Nothing is changed in the containers.

    Exit code 0: it was answered, and by whom is known. 1: it stopped, or that is not known.

    Example: lab trace https://localhost:8443/orders
    """
    from lab.cli import asking
    from lab.session import saving, tracing

    given = asking.Given(
        url=url, where=where, project=project, containers=tuple(container or ()), resolve=tuple(resolve or ()), raw=raw,
        connect=connect, method=method, headers=tuple(header or ()), data=data, insecure=insecure, http1=http1, http2=http2,
        http3=http3, proxy=proxy, timeout=timeout, no_header=no_header, watch=watch, save=save,
    )  # fmt: skip
    asked, secrets = asking.asked(given), asking.secrets(cacert, cert, key)
    where_to = saving.prepare(save, asked, {"ca": cacert, "certificate": cert, "key": key}) if save else None
    traced = tracing.send_and_follow(asked, secrets, progress, without)
    code = show(traced, json_file)
    if where_to:
        _save(where_to, traced, saving.secret_headers(asked))
    raise typer.Exit(code)


def show(traced: Traced, json_file: Path | None) -> int:
    """Draw the routes, write the document; gives the exit code."""
    from lab.cli import screen
    from lab.report import terminal

    if json_file:
        screen.write_json(traced.document, json_file)
    for route in traced.routes:
        screen.show(terminal.draw(route), err=str(json_file) == "-")
    screen.show(terminal.moves(traced.moves), err=str(json_file) == "-")
    screen.show(terminal.where(traced.shown_folder, traced.seconds, traced.more, traced.unseen), err=str(json_file) == "-")
    return OK if traced.arrived else FAILED


def _save(where_to: Saving, traced: Traced, secret: tuple[str, ...]) -> None:
    """Write the scenario, and say what stands in it."""
    from lab.cli.screen import own_name
    from lab.session import saving

    saved = saving.save(where_to, traced.routes[0])
    open_too = f", {len(saved.left_open)} left open" if saved.left_open else ""
    typer.echo(f"saved {saved.shown}: {saved.checks} checks{open_too}; check it with: {own_name()} run {saved.name}", err=True)
    if secret:
        typer.echo(f"it holds the header {', '.join(secret)} as it was sent: keep it from where others read", err=True)


def register(app: typer.Typer) -> None:
    app.command()(trace)

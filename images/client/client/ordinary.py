"""An ordinary request, sent by requests.

Rule: requests makes the request, we only say where to connect, and watch: host name checks, SNI and Host stay the
URL's. No redirect is followed, no proxy of the environment is asked, nothing is decompressed. Weak spot: watching
hangs on urllib3's connection classes (`_new_conn`, `connect`, `send`, `getresponse`), of which the first is private
by name.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from client import tls
from client.connecting import Progress, connect
from client.report import LIMIT, Received, decode, token

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

HEADERS = {"User-Agent": "lab-client", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "keep-alive"}
TOKEN_HEADER = "Lab-Probe"  # noqa: S105 - a header's name
CHUNK = 65536

urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # a probe that does not verify says so itself


class Adapter(HTTPAdapter):
    """Connects to `target` whatever the URL says, and notes what happens in `progress`."""

    def __init__(self, target: tuple[str, int], progress: Progress) -> None:
        self.target, self.progress = target, progress
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self.target, self.progress)


def send(probe: dict[str, Any], ca: str, progress: Progress, received: Received) -> requests.Session:
    """Send the probe and read the answer. The session holds the connection open; close it to release.

    A failure is not raised but noted in `progress.error`.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", Adapter(tuple(probe["connect"]), progress))
    session.mount("https://", Adapter(tuple(probe["connect"]), progress))
    try:
        _exchange(session, probe, ca, received)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        progress.error = progress.error or error
    return session


def _exchange(session: requests.Session, probe: dict[str, Any], ca: str, received: Received) -> None:
    session.headers.clear()
    headers = HEADERS | ({TOKEN_HEADER: token(probe)} if probe.get("token") else {})
    asked = requests.Request(probe.get("method", "GET"), probe["url"], headers=headers, data=decode(probe.get("body")) or None)
    prepared = session.prepare_request(asked)
    prepared.headers.update(dict(probe.get("headers") or []))
    verify = bool((probe.get("tls") or {}).get("verify", True))
    with tls.InMemory("ca", ca) as path:  # a path is what requests wants
        # The adapter's send, for the session's own reads and decodes the body of a redirect even if none is followed.
        answer = session.get_adapter(probe["url"]).send(
            prepared, stream=True, timeout=probe.get("timeout", 5.0), verify=path if verify else False
        )
    _read(answer, received)


def _read(answer: requests.Response, received: Received) -> None:
    raw = answer.raw
    received.status = answer.status_code
    received.http_version = {10: "1.0", 11: "1.1"}.get(raw.version, str(raw.version))
    received.headers = list(raw.headers.items())
    for chunk in raw.stream(CHUNK, decode_content=False):
        received.body += chunk
        if len(received.body) > LIMIT:
            return
    received.answers = 1


def _pools(target: tuple[str, int], progress: Progress) -> dict[str, type[HTTPConnectionPool]]:
    """Pool classes whose connections go to `target`. Made for each probe, for urllib3 makes the connections itself."""

    class Watched(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            timeout = self.timeout if isinstance(self.timeout, (int, float)) else 5.0
            made: socket.socket = _noting(progress, lambda: connect(target, timeout, progress))
            progress.during = "tls" if isinstance(self, HTTPSConnection) else "send"
            return made

        def connect(self) -> None:
            _noting(progress, super().connect)
            if isinstance(self.sock, ssl.SSLSocket):
                progress.tls = tls.seen(self.sock)
            progress.during = "send"

        def send(self, data: Any) -> None:
            _noting(progress, lambda: super(Watched, self).send(data))
            progress.sent += data

        def getresponse(self) -> Any:
            progress.during = "receive"
            return _noting(progress, super().getresponse)

    class WatchedTls(Watched, HTTPSConnection):
        pass

    plain = type("Plain", (HTTPConnectionPool,), {"ConnectionCls": Watched})
    secure = type("Secure", (HTTPSConnectionPool,), {"ConnectionCls": WatchedTls})
    return {"http": plain, "https": secure}


def _noting(progress: Progress, act: Callable[[], Any]) -> Any:
    """Result of `act`; what it raises is noted before any library wraps it."""
    try:
        return act()
    except (OSError, urllib3.exceptions.HTTPError, ValueError) as error:
        progress.error = progress.error or error
        raise

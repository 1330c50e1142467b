"""aioquic's own server on loopback, in a thread, for whatever speaks HTTP/3 in the tests."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trustme
from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.quic.configuration import QuicConfiguration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "shop.example"


@contextmanager
def serving(answering: type[QuicConnectionProtocol], folder: Path) -> Iterator[tuple[str, int]]:
    """CA, and the port on 127.0.0.1."""
    authority, loop = trustme.CA(), asyncio.new_event_loop()
    port = loop.run_until_complete(_listen(answering, authority.issue_cert(NAME), folder))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield authority.cert_pem.bytes().decode(), port
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


async def _listen(answering: type[QuicConnectionProtocol], leaf: trustme.LeafCert, folder: Path) -> int:
    leaf.cert_chain_pems[0].write_to_path(str(folder / "crt"))
    leaf.private_key_pem.write_to_path(str(folder / "key"))
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["h3"])
    configuration.load_cert_chain(str(folder / "crt"), str(folder / "key"))
    made = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=answering)
    port: int = made._transport.get_extra_info("sockname")[1]
    return port

"""Asks PostgreSQL by way of libpq, on connections that are kept.

Rule: the question is one statement with the probe's token as a parameter, never pasted into it; it is reported when the kernel
has taken it, before the answer is waited for. One connection for each question under way. libpq is used by its own verbs,
because a driver's single `execute` does not say when the question was sent. Weak spot: no TLS to the database.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app_handlers import DatabaseError
from psycopg import Error, pq

if TYPE_CHECKING:
    from collections.abc import Callable

    from app_config import Database

STATEMENT = b"select 'asked for ' || coalesce(nullif($1::text, ''), 'nobody')"
_ANSWER_SECONDS = 30.0
_START_SECONDS = 15.0
"""How long an eager pool waits for a database that is still starting."""


@dataclass(slots=True)
class Pool:
    """Connections to one database."""

    database: Database
    _idle: list[pq.PGconn] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Open one connection now, waiting for the database to come up. Raises `DatabaseError`."""
        end, pause = time.monotonic() + _START_SECONDS, threading.Event()
        while True:
            try:
                self._idle.append(_connected(self.database))
            except DatabaseError:
                if time.monotonic() > end:
                    raise
                pause.wait(0.05)
            else:
                return

    def ask(self, token: str, asked: Callable[[str], object]) -> str:
        """Ask as `app_handlers.Ask` says. A connection that failed is not kept."""
        connection = self._take()
        try:
            _send(connection, token.encode("utf-8", "surrogateescape"))
            asked(_ends(connection))
            said = _answer(connection)
        except BaseException:
            connection.finish()
            raise
        with self._lock:
            self._idle.append(connection)
        return said

    def _take(self) -> pq.PGconn:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return _connected(self.database)


def _connected(database: Database) -> pq.PGconn:
    words = f"host={database.host} port={database.port} user=lab dbname=lab application_name=lab"
    connection = pq.PGconn.connect(f"{words} connect_timeout=5 sslmode=disable gssencmode=disable".encode())
    if connection.status != pq.ConnStatus.OK:
        text = connection.get_error_message()
        connection.finish()
        raise DatabaseError(text)
    connection.nonblocking = 1
    return connection


def _send(connection: pq.PGconn, token: bytes) -> None:
    try:
        connection.send_query_params(STATEMENT, [token])
        while connection.flush():
            select.select([], [connection.socket], [], _ANSWER_SECONDS)
    except Error as error:
        raise DatabaseError(str(error)) from error


def _answer(connection: pq.PGconn) -> str:
    """The one value of the one row; the results are read to their end."""
    end, said, wrong = time.monotonic() + _ANSWER_SECONDS, "", ""
    while result := _result(connection, end):
        if result.status == pq.ExecStatus.TUPLES_OK:
            said = (result.get_value(0, 0) or b"").decode()
        else:
            wrong = result.get_error_message()
    if wrong:
        raise DatabaseError(wrong)
    return said


def _result(connection: pq.PGconn, end: float) -> pq.PGresult | None:
    try:
        while connection.is_busy():
            if not select.select([connection.socket], [], [], max(end - time.monotonic(), 0))[0]:
                raise DatabaseError(f"no answer for {_ANSWER_SECONDS:g} s")
            connection.consume_input()
        return connection.get_result()
    except Error as error:
        raise DatabaseError(str(error)) from error


def _ends(connection: pq.PGconn) -> str:
    """`10.0.1.4:40112 > 10.0.1.5:5432`, the application's end first."""
    with socket.socket(fileno=os.dup(connection.socket)) as same:
        (here, near), (there, far) = same.getsockname()[:2], same.getpeername()[:2]
    return f"{here}:{near} > {there}:{far}"

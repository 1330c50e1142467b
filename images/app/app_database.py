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


@dataclass(frozen=True, slots=True)
class Line:
    """One open connection."""

    pg: pq.PGconn
    ends: str
    """`10.0.1.4:40112 > 10.0.1.5:5432`, the application's end first."""

    def ask(self, token: str, asked: Callable[[str], object]) -> str:
        """Ask as `app_handlers.Ask` says."""
        try:
            self._send(token.encode("utf-8", "surrogateescape"))
            asked(self.ends)
            return self._answer()
        except Error as error:
            raise DatabaseError(str(error)) from error

    def _send(self, token: bytes) -> None:
        self.pg.send_query_params(STATEMENT, [token])
        while self.pg.flush():
            select.select([], [self.pg.socket], [], _ANSWER_SECONDS)

    def _answer(self) -> str:
        """The one value of the one row; the results are read to their end."""
        end, said, wrong = time.monotonic() + _ANSWER_SECONDS, None, ""
        while result := self._result(end):
            if result.status == pq.ExecStatus.TUPLES_OK:
                said = result.get_value(0, 0)
            else:
                wrong = result.get_error_message()
        if wrong or said is None:
            raise DatabaseError(wrong or "no row came")
        return said.decode()

    def _result(self, end: float) -> pq.abc.PGresult | None:
        while self.pg.is_busy():
            if not select.select([self.pg.socket], [], [], max(end - time.monotonic(), 0))[0]:
                raise DatabaseError(f"no answer for {_ANSWER_SECONDS:g} s")
            self.pg.consume_input()
        return self.pg.get_result()


@dataclass(slots=True)
class Pool:
    """Connections to one database."""

    database: Database
    _idle: list[Line] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Open one connection now, waiting for the database to come up. Raises `DatabaseError`."""
        end, pause = time.monotonic() + _START_SECONDS, threading.Event()
        while True:
            try:
                self._idle.append(connected(self.database))
            except DatabaseError:
                if time.monotonic() > end:
                    raise
                pause.wait(0.05)
            else:
                return

    def ask(self, token: str, asked: Callable[[str], object]) -> str:
        """Ask as `app_handlers.Ask` says. A connection that failed is not kept."""
        line = self._take()
        try:
            said = line.ask(token, asked)
        except BaseException:
            line.pg.finish()
            raise
        with self._lock:
            self._idle.append(line)
        return said

    def _take(self) -> Line:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        return connected(self.database)


def connected(database: Database) -> Line:
    """A new connection. Raises `DatabaseError`."""
    words = f"host={database.host} port={database.port} user=lab dbname=lab application_name=lab"
    pg = pq.PGconn.connect(f"{words} connect_timeout=5 sslmode=disable gssencmode=disable".encode())
    if pg.status != pq.ConnStatus.OK:
        text = pg.get_error_message()
        pg.finish()
        raise DatabaseError(text)
    pg.nonblocking = 1
    return Line(pg, _ends(pg.socket))


def _ends(descriptor: int) -> str:
    with socket.socket(fileno=os.dup(descriptor)) as same:
        (here, near), (there, far) = same.getsockname()[:2], same.getpeername()[:2]
    return f"{here}:{near} > {there}:{far}"

"""A connection taken step by step, against small servers on loopback: each step does what it says and nothing more."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from client import main
from client.answers import Answers
from client.report import Received, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
WORLD = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n"
LAST = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@contextmanager
def serving(behave: Callable[[socket.socket], None], port: int = 0) -> Iterator[tuple[str, int]]:
    """One connection on loopback, on this port or any; what `behave` raises fails the test."""
    raised: list[BaseException] = []

    def serve() -> None:
        try:
            taken, _ = listener.accept()
            with taken:
                taken.settimeout(10)
                behave(taken)
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)

    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
    assert not thread.is_alive()
    if raised:
        raise raised[0]


@pytest.fixture
def client() -> Iterator[main.Client]:
    made = main.Client()
    yield made
    main.release(made, {})


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def do(client: main.Client, verb: str, **fields: Any) -> Any:
    """What the verb answers; what it refuses is raised."""
    answer = main.answered(client, json.dumps({"id": 1, "do": verb, **fields}).encode())
    if "error" in answer:
        raise ValueError(answer["error"]["text"])
    return json.loads(json.dumps(answer))["ok"]


def begin(client: main.Client, where: tuple[str, int], timeout: float = 5.0) -> Any:
    do(client, "begin", probe="p", token="", timeout=timeout)
    return do(client, "connect", connect=list(where))


def send(client: main.Client, data: bytes) -> Any:
    return do(client, "send", send=base64.urlsafe_b64encode(data).decode())


def exactly(taken: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (more := taken.recv(size - len(data))):
        data += more
    return data


def until_end(taken: socket.socket) -> bytes:
    data = b""
    while more := taken.recv(65536):
        data += more
    return data


def kind(told: Any) -> tuple[str, str] | None:
    return (told["error"]["during"], told["error"]["kind"]) if told["error"] else None


def test_bytes_go_out_as_they_are_when_they_are_sent_and_not_before(client: main.Client) -> None:
    steps = [threading.Event() for _ in range(2)]
    heard: list[bytes] = []

    def behave(taken: socket.socket) -> None:
        for step, size in zip(steps, (5, 7), strict=True):
            heard.append(exactly(taken, size))
            step.set()

    with serving(behave) as where:
        told = begin(client, where)
        assert told["error"] is None
        assert told["peer"] == list(where)
        assert do(client, "report")["sent"] == ""
        send(client, b"GET /")
        assert steps[0].wait(5)
        assert not steps[1].wait(0.05)
        send(client, b"\xff HTTQ\n")
        assert steps[1].wait(5)
        report = do(client, "report")
    assert heard == [b"GET /", b"\xff HTTQ\n"]
    assert decode(report["sent"]) == b"GET /\xff HTTQ\n"
    assert (report["local"], report["asked"], report["status"]) == (told["local"], list(where), None)


def test_small_writes_are_not_held_back(client: main.Client) -> None:
    with serving(until_end) as where:
        begin(client, where)
        assert client.staged is not None
        assert client.staged.channel is not None
        assert client.staged.channel.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
        do(client, "end", how="close")


def test_keep_alive_is_several_sends_and_receives(client: main.Client) -> None:
    def behave(taken: socket.socket) -> None:
        for answer in (HELLO, WORLD):
            assert exactly(taken, len(GET)) == GET
            taken.sendall(answer)
        assert until_end(taken) == b""

    with serving(behave) as where:
        begin(client, where)
        for status, body in ((200, b"hello"), (201, b"world")):
            send(client, GET)
            assert do(client, "receive", answers=1)["error"] is None
            report = do(client, "report")
            assert (report["status"], decode(report["body"])) == (status, body)
        assert report["answers"] == 2
        do(client, "end", how="close")


def test_pipelined_answers_are_counted_and_interim_ones_are_not(client: main.Client) -> None:
    def behave(taken: socket.socket) -> None:
        exactly(taken, 2 * len(GET))
        taken.sendall(CONTINUE + HELLO + CONTINUE + WORLD)
        until_end(taken)

    with serving(behave) as where:
        begin(client, where)
        send(client, GET + GET)
        assert do(client, "receive", answers=2)["error"] is None
        report = do(client, "report")
        do(client, "end", how="close")
    assert (report["answers"], report["status"], decode(report["body"])) == (2, 201, b"world")


def test_after_an_answer_that_ends_the_connection_none_is_awaited(client: main.Client) -> None:
    def behave(taken: socket.socket) -> None:
        exactly(taken, 2 * len(GET))
        taken.sendall(LAST)
        until_end(taken)

    with serving(behave) as where:
        begin(client, where, timeout=30)
        send(client, GET + GET)
        told = do(client, "receive", answers=2)
        report = do(client, "report")
        do(client, "end", how="close")
    assert kind(told) == ("receive", "closed")
    assert "after answer 1" in told["error"]["text"]
    assert (report["answers"], report["status"]) == (1, 200)


def test_an_answer_that_does_not_come_is_told_and_forgotten_when_it_comes(client: main.Client) -> None:
    thawed = threading.Event()

    def behave(taken: socket.socket) -> None:
        assert thawed.wait(10)
        exactly(taken, len(GET))
        taken.sendall(HELLO)
        until_end(taken)

    with serving(behave) as where:
        begin(client, where)
        send(client, GET)
        assert kind(do(client, "receive", answers=1, timeout=0.1)) == ("receive", "timeout")
        assert kind(do(client, "report")) == ("receive", "timeout")
        thawed.set()
        assert kind(do(client, "receive", answers=1)) is None
        assert do(client, "report")["answers"] == 1
        do(client, "end", how="close")


def test_half_closing_ends_what_is_sent_and_not_what_comes(client: main.Client) -> None:
    def behave(taken: socket.socket) -> None:
        assert until_end(taken) == GET
        taken.sendall(HELLO)

    with serving(behave) as where:
        begin(client, where)
        send(client, GET)
        do(client, "end", how="half-close")
        assert do(client, "receive", answers=1)["error"] is None
        assert do(client, "report")["answers"] == 1


def test_a_reset_is_a_reset_and_a_close_is_not(client: main.Client) -> None:
    def reset(taken: socket.socket) -> None:
        with pytest.raises(ConnectionResetError):
            until_end(taken)

    for how, behave in (("reset", reset), ("close", until_end)):
        with serving(behave) as where:
            begin(client, where)
            assert do(client, "end", how=how)["error"] is None
        assert kind(send(client, b"late")) is None
        assert do(client, "report")["sent"] == ""


def test_a_reset_by_the_peer_is_told_and_what_came_before_stays(client: main.Client) -> None:
    def behave(taken: socket.socket) -> None:
        exactly(taken, len(GET))
        taken.sendall(HELLO)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with serving(behave) as where:
        begin(client, where)
        send(client, GET)
        do(client, "receive", answers=1)
        assert kind(do(client, "receive", answers=1)) == ("receive", "reset")
        assert do(client, "report")["status"] == 200


def test_a_connection_that_is_begun_is_waited_for_by_the_next_step(client: main.Client) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        do(client, "begin", probe="p")
        where = list(listener.getsockname())
        do(client, "fill", connect=where, count=5, timeout=0.2)
        told = do(client, "connect", connect=where, wait=False)
        assert (told["error"], told["peer"]) == (None, where)
        assert kind(do(client, "receive", answers=1, timeout=0.1)) == ("connect", "timeout")
        do(client, "connect", connect=where, wait=False)
        listener.accept()[0].close()  # a place for the SYN that the kernel repeats
        assert send(client, GET)["error"] is None
        taken = listener.accept()[0]
        with taken:
            assert exactly(taken, len(GET)) == GET
        assert do(client, "report")["local"] == do(client, "receive", answers=1)["local"]


def test_control_a_refusal_is_told_by_the_step_that_waits(client: main.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = list(listener.getsockname())
    do(client, "begin", probe="p")
    do(client, "connect", connect=where, wait=False)
    assert kind(send(client, GET)) == ("connect", "refused")
    assert do(client, "report")["sent"] == ""


def test_without_a_connection_steps_do_nothing_and_keep_what_went_wrong(client: main.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        where = listener.getsockname()
    assert kind(begin(client, where)) == ("connect", "refused")
    told = [
        send(client, GET),
        do(client, "receive", answers=1),
        do(client, "tls", tls={"sni": "a"}),
        do(client, "end", how="close"),
    ]
    assert [kind(one) for one in told] == [("connect", "refused")] * 4
    report = do(client, "report")
    assert (report["asked"], report["sent"], report["answers"]) == (list(where), "", 0)
    assert report["local"][1] > 0


@pytest.mark.parametrize("verb", ["connect", "tls", "send", "receive", "end", "fill", "report"])
def test_a_step_of_no_probe_is_refused(client: main.Client, verb: str) -> None:
    with pytest.raises(ValueError, match="no staged probe was begun"):
        do(client, verb)
    do(client, "begin", probe="p")
    do(client, "release")
    with pytest.raises(ValueError, match="no staged probe was begun"):
        do(client, verb)


def test_a_queue_is_filled_until_the_kernel_takes_no_more(client: main.Client) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        do(client, "begin", probe="p")
        where = list(listener.getsockname())
        told = do(client, "fill", connect=where, count=5, timeout=0.2)  # backlog + 1 fit
        assert (told["opened"], told["peer"], kind(told)) == (1, where, ("connect", "timeout"))
        assert kind(do(client, "connect", connect=where, timeout=0.2)) == ("connect", "timeout")
    with socket.create_server(("127.0.0.1", 0), backlog=8) as listener:
        told = do(client, "fill", connect=list(listener.getsockname()), count=5, timeout=0.2)
        assert (told["opened"], kind(told)) == (5, None)
        accepted = [listener.accept()[0] for _ in range(5)]
        do(client, "release")
        assert [one.recv(1) for one in accepted] == [b""] * 5
        for one in accepted:
            one.close()


class TestAnswers:
    """Fed whole, and fed one byte at a time: the same is found."""

    @pytest.mark.parametrize(
        ("sent", "came", "found"),
        [
            (GET, HELLO, (1, 200, b"hello", False)),
            (GET + GET, HELLO + WORLD, (2, 201, b"world", False)),
            (GET, CONTINUE + CONTINUE + LAST, (1, 200, b"ok", True)),
            (GET + GET, LAST + HELLO, (1, 200, b"ok", True)),
            (b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + GET, HELLO[:-5] + HELLO, (2, 200, b"hello", False)),
            (GET.replace(b"\r\n\r\n", b"\r\nContent-Length: 3\r\n\r\nabc") + b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
             HELLO + HELLO[:-5], (2, 200, b"", False)),
            (b"nonsense", HELLO, (1, 200, b"hello", False)),
            (b"HEAD", HELLO[:-5], (1, 200, b"", False)),
            (b"", HELLO, (1, 200, b"hello", False)),
            (GET, b"HTTP/1.1 2x0 OK\r\n\r\n", (0, None, b"HTTP/1.1 2x0 OK\r\n\r\n", True)),
            (GET, b"\x15\x03\x03\x00\x02\x02\x28", (0, None, b"\x15\x03\x03\x00\x02\x02\x28", False)),
            (GET, b"HTTQ", (0, None, b"HTTQ", False)),
        ],
    )  # fmt: skip
    def test_whole_and_byte_by_byte(self, sent: bytes, came: bytes, found: tuple[object, ...]) -> None:
        for pieces in ([came], [came[i : i + 1] for i in range(len(came))]):
            answers = Answers(Received())
            for piece in pieces:
                answers.feed(piece, sent)
            seen = answers.received
            assert (seen.answers, seen.status, bytes(seen.body), answers.ended) == found

    def test_an_answer_without_a_length_ends_with_the_connection(self) -> None:
        answers = Answers(Received())
        answers.feed(b"HTTP/1.1 200 OK\r\n\r\nhel", GET)
        answers.feed(b"lo", GET)
        assert (answers.received.answers, answers.ended) == (0, False)
        answers.feed(b"", GET)
        assert (answers.received.answers, bytes(answers.received.body), answers.ended) == (1, b"hello", True)

    def test_a_switch_is_an_answer_and_what_follows_is_another_protocol(self) -> None:
        answers = Answers(Received())
        switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: any\r\n\r\n"
        for byte in switch + b"\x81\x05hello":
            answers.feed(bytes((byte,)), GET)
        assert (answers.received.answers, answers.received.status, answers.alien) == (1, 101, True)
        assert bytes(answers.received.body) == b"\x81\x05hello"
        answers.feed(HELLO, GET)
        assert answers.received.answers == 1
        together = Answers(Received())
        together.feed(switch + b"\x81\x05hello", GET)
        assert bytes(together.received.body) == b"\x81\x05hello"

    def test_an_interim_answer_is_none(self) -> None:
        answers = Answers(Received())
        answers.feed(CONTINUE + HELLO, GET)
        assert (answers.received.answers, answers.received.status) == (1, 200)

    def test_an_answer_cut_short_is_none(self) -> None:
        answers = Answers(Received())
        answers.feed(HELLO[:-1], GET)
        answers.feed(b"", GET)
        assert (answers.received.answers, answers.ended, answers.garbled) == (0, True, False)


class TestTls:
    def context(self, authority: trustme.CA, **more: Any) -> ssl.SSLContext:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("shop.example").configure_cert(made)
        if more.get("demand"):
            made.verify_mode = ssl.CERT_REQUIRED
            authority.configure_trust(made)
        return made

    def begun(self, client: main.Client, authority: trustme.CA, where: tuple[str, int]) -> None:
        main.trust(client, {"ca": authority.cert_pem.bytes().decode()})
        begin(client, where)

    def test_tls_can_be_done_with_nothing_sent_in_it(self, client: main.Client, authority: trustme.CA) -> None:
        heard: list[bytes] = []

        def behave(taken: socket.socket) -> None:
            with self.context(authority).wrap_socket(taken, server_side=True) as secured:
                heard.append(secured.recv(100))

        with serving(behave) as where:
            self.begun(client, authority, where)
            assert do(client, "tls", tls={"sni": "shop.example"})["error"] is None
            report = do(client, "report")
            do(client, "end", how="close")
        assert heard == [b""]
        assert (report["tls"]["version"], report["tls"]["verified"], report["sent"]) == ("TLSv1.3", True, "")

    @pytest.mark.parametrize("size", [1, 5, 100, 60_000])
    def test_a_clienthello_stops_where_it_is_told_and_goes_on(
        self, client: main.Client, authority: trustme.CA, size: int
    ) -> None:
        heard: list[int] = []
        stopped, looked = threading.Event(), threading.Event()

        def behave(taken: socket.socket) -> None:
            while not stopped.wait(0.01):
                pass
            heard.append(len(taken.recv(65536, socket.MSG_PEEK)))
            looked.set()
            secured = self.context(authority).wrap_socket(taken, server_side=True)
            with secured:
                assert exactly(secured, len(GET)) == GET
                secured.sendall(HELLO)
                until_end(secured)

        with serving(behave) as where:
            self.begun(client, authority, where)
            assert do(client, "tls", tls={"sni": "shop.example", "stop_after": size})["error"] is None
            assert do(client, "report")["tls"] is None
            send(client, b"too early")
            assert do(client, "report")["sent"] == ""
            stopped.set()
            assert looked.wait(5)
            assert do(client, "tls", tls=None)["error"] is None
            send(client, GET)
            assert do(client, "receive", answers=1)["error"] is None
            assert do(client, "report")["tls"]["version"] == "TLSv1.3"
            do(client, "end", how="close")
        [seen] = heard
        assert seen == size if size < 200 else 200 < seen < 60_000

    @pytest.mark.parametrize("version", ["1.2", "1.3"])
    def test_a_session_is_resumed_where_it_was_left_and_only_if_asked(
        self, client: main.Client, authority: trustme.CA, version: str
    ) -> None:
        """The server says for each connection whether it resumed one."""
        resumed: list[bool | None] = []
        context = self.context(authority)

        def behave(taken: socket.socket) -> None:
            secured = context.wrap_socket(taken, server_side=True)
            with secured:
                exactly(secured, len(GET))
                secured.sendall(HELLO)
                resumed.append(secured.session_reused)
                until_end(secured)

        def ask(where: tuple[str, int], **tls: object) -> None:
            self.begun(client, authority, where)
            do(client, "tls", tls={"sni": "shop.example", "version": version, **tls})
            send(client, GET)
            assert do(client, "receive", answers=1)["error"] is None
            main.release(client, {})

        with serving(behave) as where:
            ask(where, resume=True)
        for asked in (True, False, True):
            with serving(behave, where[1]) as again:
                ask(again, resume=asked)
        with serving(behave) as elsewhere:
            ask(elsewhere, resume=True)
        assert resumed == [False, True, False, True, False]

    def test_a_handshake_that_stands_still_goes_on_later(self, client: main.Client, authority: trustme.CA) -> None:
        thawed = threading.Event()

        def behave(taken: socket.socket) -> None:
            assert thawed.wait(10)
            with self.context(authority).wrap_socket(taken, server_side=True) as secured:
                until_end(secured)

        with serving(behave) as where:
            self.begun(client, authority, where)
            assert kind(do(client, "tls", tls={"sni": "shop.example"}, timeout=0.1)) == ("tls", "timeout")
            thawed.set()
            assert kind(do(client, "tls", tls=None)) is None
            do(client, "end", how="close")

    def test_half_closing_says_so_in_tls_and_still_reads(self, client: main.Client, authority: trustme.CA) -> None:
        def behave(taken: socket.socket) -> None:
            secured = self.context(authority).wrap_socket(taken, server_side=True, suppress_ragged_eofs=False)
            assert until_end(secured) == GET  # a ragged end would raise
            secured.sendall(HELLO)

        with serving(behave) as where:
            self.begun(client, authority, where)
            do(client, "tls", tls={"sni": "shop.example", "version": "1.2"})
            send(client, GET)
            do(client, "end", how="half-close")
            assert do(client, "receive", answers=1)["error"] is None
            report = do(client, "report")
        assert (report["tls"]["version"], report["answers"]) == ("TLSv1.2", 1)

    @pytest.mark.parametrize("shown", ["good", "untrusted", "none"])
    @pytest.mark.parametrize("version", ["1.2", "1.3"])
    def test_a_client_certificate_is_shown_and_a_refusal_is_told(
        self, client: main.Client, authority: trustme.CA, shown: str, version: str
    ) -> None:
        issuer = {"good": authority, "untrusted": trustme.CA()}.get(shown)
        leaf = issuer.issue_cert("client.example") if issuer else None
        names: list[object] = []

        def behave(taken: socket.socket) -> None:
            try:
                secured = self.context(authority, demand=True).wrap_socket(taken, server_side=True)
            except ssl.SSLError as error:
                names.append(error.reason)
                return
            names.append((secured.getpeercert() or {}).get("subjectAltName"))
            exactly(secured, len(GET))
            secured.sendall(HELLO)
            until_end(secured)

        with serving(behave) as where:
            self.begun(client, authority, where)
            pem = leaf.private_key_and_cert_chain_pem.bytes().decode() if leaf else ""
            told = do(client, "tls", tls={"sni": "shop.example", "version": version, "certificate": pem})
            if not told["error"]:
                send(client, GET)
                told = do(client, "receive", answers=1)
            report = do(client, "report")
            do(client, "end", how="close")
        if shown == "good":
            assert (report["status"], report["error"]) == (200, None)
            assert names == [(("DNS", "client.example"),)]
        else:
            assert report["status"] is None
            assert kind(told) == (("tls" if version == "1.2" else "receive"), "alert")

    def test_going_on_with_nothing_and_beginning_twice_are_refused(self, client: main.Client, authority: trustme.CA) -> None:
        with serving(until_end) as where:
            self.begun(client, authority, where)
            with pytest.raises(ValueError, match="no TLS was begun"):
                do(client, "tls", tls=None)
            do(client, "tls", tls={"sni": "a", "stop_after": 1})
            with pytest.raises(ValueError, match="TLS has begun already"):
                do(client, "tls", tls={"sni": "a"})
            do(client, "end", how="close")


class TestDatagrams:
    def ask(self, client: main.Client, where: tuple[str, int], **more: Any) -> Any:
        data = base64.urlsafe_b64encode(b"ping").decode()
        return do(client, "probe", probe="p", connect=list(where), transport="udp", send=data, timeout=0.3, **more)

    def test_a_datagram_is_sent_and_one_comes_back(self, client: main.Client) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(5)
            heard: list[object] = []

            def serve() -> None:
                data, peer = server.recvfrom(65536)
                heard.extend((data, peer))
                server.sendto(b"pong", peer)

            thread = threading.Thread(target=serve)
            thread.start()
            report = self.ask(client, server.getsockname())
            thread.join(5)
        assert heard[0] == b"ping"
        assert list(heard[1]) == report["local"]  # type: ignore[call-overload]
        assert (decode(report["body"]), report["answers"], report["status"], report["error"]) == (b"pong", 1, None, None)
        assert decode(report["sent"]) == b"ping"

    def test_silence_and_refusal_are_told_apart(self, client: main.Client) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind(("127.0.0.1", 0))
            where = server.getsockname()
            silent = self.ask(client, where)
        refused = self.ask(client, where)
        assert [kind(one) for one in (silent, refused)] == [("receive", "timeout"), ("receive", "refused")]
        assert [one["answers"] for one in (silent, refused)] == [0, 0]

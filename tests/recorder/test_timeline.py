"""Which case an event belongs to: the process's namespace for reads, whatever it touches for changes of state."""

from typing import Any

from recorder.tids import NOBODY, Owner
from recorder.timeline import Memory, View, forget, places

WEB, APP, HOST, OTHER = 101, 102, 1, 999
ONE = View("one", {WEB: "web", APP: "app"}, frozenset({"10.0.1.2", "10.0.1.3"}))
TWO = View("two", {201: "web"}, frozenset({"10.0.2.2"}))
ON_HOST = View(
    "host",
    {WEB: "web", HOST: "host"},
    frozenset({"10.0.1.2"}),
    host=HOST,
    host_addresses=frozenset({"127.0.0.1", "10.0.1.1"}),
    ports=frozenset({8443}),
    forwarders=frozenset({77}),
)
SERVER, CLIENT, STRANGER = Owner(7, WEB), Owner(8, APP), Owner(9, OTHER)


def state(old: str, new: str, local: tuple[str, int], peer: tuple[str, int], socket: int = 5) -> dict[str, Any]:
    ends = {"local": list(local), "peer": list(peer)}
    return {"event": "state", "socket": socket, "old_state": old, "new_state": new, **ends}


def read(socket: int = 5, event: str = "read") -> dict[str, Any]:
    return {"event": event, "socket": socket, "size": 1}


def test_a_read_belongs_to_the_namespace_of_its_process() -> None:
    assert places(read(), SERVER, [ONE, TWO], Memory()) == {"one": "web"}
    assert places(read(), CLIENT, [ONE, TWO], Memory()) == {"one": "app"}


def test_control_a_strangers_read_belongs_to_nobody() -> None:
    assert places(read(), STRANGER, [ONE, TWO, ON_HOST], Memory()) == {}
    assert places(read(), NOBODY, [ONE, TWO], Memory()) == {}


def test_a_change_of_state_belongs_to_the_case_with_the_address() -> None:
    event = state("LISTEN", "SYN_RECV", ("10.0.1.3", 80), ("10.0.1.2", 4000))
    assert places(event, NOBODY, [ONE, TWO], Memory()) == {"one": ""}


def test_an_unknown_loopback_socket_goes_to_every_case() -> None:
    event = state("LISTEN", "SYN_RECV", ("127.0.0.1", 80), ("127.0.0.1", 4000))
    assert places(event, STRANGER, [ONE, TWO], Memory()) == {"one": "", "two": ""}


def test_a_loopback_socket_whose_maker_is_known_goes_to_its_case_only() -> None:
    memory = Memory()
    made = state("CLOSE", "SYN_SENT", ("127.0.0.1", 0), ("127.0.0.1", 80))
    assert places(made, SERVER, [ONE, TWO], memory) == {"one": ""}
    later = state("SYN_SENT", "ESTABLISHED", ("127.0.0.1", 4000), ("127.0.0.1", 80))
    assert places(later, NOBODY, [ONE, TWO], memory) == {"one": ""}


def test_control_a_strangers_loopback_socket_is_not_recorded() -> None:
    memory = Memory()
    assert places(state("CLOSE", "LISTEN", ("127.0.0.1", 80), ("0.0.0.0", 0)), STRANGER, [ONE], memory) == {}
    assert places(state("LISTEN", "CLOSE", ("127.0.0.1", 80), ("0.0.0.0", 0)), STRANGER, [ONE], memory) == {}


def test_a_wildcard_listener_belongs_to_its_maker() -> None:
    assert places(state("CLOSE", "LISTEN", ("0.0.0.0", 80), ("0.0.0.0", 0)), SERVER, [ONE, TWO], Memory()) == {"one": ""}


def test_a_socket_address_used_again_for_a_connection_that_came_is_judged_anew() -> None:
    memory = Memory()
    places(state("CLOSE", "SYN_SENT", ("10.9.9.9", 4000), ("10.8.8.8", 80)), STRANGER, [ONE], memory)
    taken = state("LISTEN", "SYN_RECV", ("10.0.1.3", 80), ("10.0.1.2", 4000))
    assert places(taken, NOBODY, [ONE], memory) == {"one": ""}
    later = state("SYN_RECV", "ESTABLISHED", ("10.0.1.3", 80), ("10.0.1.2", 4000))
    assert places(later, NOBODY, [ONE], memory) == {"one": ""}


def test_on_a_host_that_is_watched_whole_every_port_counts() -> None:
    whole = View("host", ON_HOST.namespaces, ON_HOST.addresses, host=HOST, host_addresses=ON_HOST.host_addresses, whole=True)
    made = state("CLOSE", "SYN_SENT", ("127.0.0.1", 0), ("127.0.0.1", 9999))
    assert places(made, Owner(9, HOST), [whole], Memory()) == {"host": ""}
    assert places(read(), Owner(9, HOST), [whole], Memory()) == {"host": "host"}
    assert places(made, Owner(9, HOST), [ON_HOST], Memory()) == {}
    assert places(made, STRANGER, [whole], Memory()) == {}


def test_a_socket_address_used_again_is_judged_anew() -> None:
    memory = Memory()
    places(state("CLOSE", "LISTEN", ("0.0.0.0", 80), ("0.0.0.0", 0)), SERVER, [ONE, TWO], memory)
    again = state("CLOSE", "SYN_SENT", ("0.0.0.0", 0), ("10.0.2.2", 80))
    assert places(again, Owner(3, 201), [ONE, TWO], memory) == {"two": ""}


def test_a_connections_socket_on_an_address_that_was_a_strangers_is_judged_anew() -> None:
    memory = Memory()
    assert places(state("CLOSE", "SYN_SENT", ("192.0.2.1", 0), ("192.0.2.2", 80)), STRANGER, [ONE], memory) == {}
    child = ("10.0.1.2", 80), ("10.0.1.3", 40000)
    assert places(state("LISTEN", "SYN_RECV", *child), CLIENT, [ONE], memory) == {"one": ""}
    assert places(state("SYN_RECV", "ESTABLISHED", *child), CLIENT, [ONE], memory) == {"one": ""}


def test_control_a_strangers_connection_on_an_address_that_was_the_cases_is_not_its_own() -> None:
    memory = Memory()
    assert places(state("CLOSE", "SYN_SENT", ("10.0.1.3", 0), ("10.0.1.2", 80)), CLIENT, [ONE], memory) == {"one": ""}
    assert places(state("LISTEN", "SYN_RECV", ("192.0.2.2", 80), ("192.0.2.1", 40000)), STRANGER, [ONE], memory) == {}


def test_on_the_host_only_watched_ports_count() -> None:
    watched = state("CLOSE", "SYN_SENT", ("127.0.0.1", 0), ("127.0.0.1", 8443))
    other = state("CLOSE", "SYN_SENT", ("127.0.0.1", 0), ("127.0.0.1", 9999), socket=6)
    someone = Owner(50, HOST)
    memory = Memory()
    assert places(watched, someone, [ON_HOST], memory) == {"host": ""}
    assert places(read(5), someone, [ON_HOST], memory) == {"host": "host"}
    assert places(other, someone, [ON_HOST], memory) == {}
    assert places(read(6), someone, [ON_HOST], memory) == {}


def test_a_forwarder_is_known_by_the_port_that_it_holds() -> None:
    assert places(read(0, "accept"), Owner(77, HOST), [ON_HOST], Memory()) == {"host": "host"}
    assert places(read(0, "accept"), Owner(78, HOST), [ON_HOST], Memory()) == {}


def test_a_process_that_is_gone_counts_if_its_socket_is_known() -> None:
    memory = Memory()
    places(state("CLOSE", "SYN_SENT", ("10.0.1.2", 0), ("10.0.1.3", 80)), Owner(60, None), [ONE, TWO], memory)
    assert places(read(5), Owner(60, None), [ONE, TWO], memory) == {"one": ""}
    assert places(read(6), Owner(60, None), [ONE, TWO], memory) == {}


def test_a_loopback_socket_is_its_reader_s_alone_once_it_was_read() -> None:
    memory = Memory()
    event = state("LISTEN", "SYN_RECV", ("127.0.0.1", 80), ("127.0.0.1", 4000))
    assert places(event, STRANGER, [ONE, TWO], memory) == {"one": "", "two": ""}
    assert places(read(5, "ready"), STRANGER, [ONE, TWO], memory) == {"one": "", "two": ""}
    places(read(5), SERVER, [ONE, TWO], memory)
    assert places(read(5, "ready"), STRANGER, [ONE, TWO], memory) == {"one": ""}
    later = state("ESTABLISHED", "CLOSE_WAIT", ("127.0.0.1", 80), ("127.0.0.1", 4000))
    assert places(later, STRANGER, [ONE, TWO], memory) == {"one": ""}


def test_control_a_stranger_s_read_decides_nothing() -> None:
    memory = Memory()
    places(state("LISTEN", "SYN_RECV", ("127.0.0.1", 80), ("127.0.0.1", 4000)), STRANGER, [ONE, TWO], memory)
    places(read(5), STRANGER, [ONE, TWO], memory)
    assert places(read(5, "ready"), STRANGER, [ONE, TWO], memory) == {"one": "", "two": ""}


def test_an_accepted_socket_at_an_address_used_before_is_judged_anew() -> None:
    memory = Memory()
    foreign = state("LISTEN", "SYN_RECV", ("10.9.9.9", 80), ("10.9.9.8", 4000))
    assert places(foreign, STRANGER, [ONE, TWO], memory) == {}
    own = state("LISTEN", "SYN_RECV", ("10.0.1.3", 80), ("10.0.1.2", 4000))
    assert places(own, STRANGER, [ONE, TWO], memory) == {"one": ""}


def test_a_case_that_begins_later_is_asked_about_sockets_already_known() -> None:
    memory = Memory()
    event = state("LISTEN", "SYN_RECV", ("10.0.2.2", 80), ("10.0.2.9", 4000))
    assert places(event, NOBODY, [ONE], memory) == {}
    assert places(event | {"old_state": "SYN_RECV"}, NOBODY, [ONE, TWO], memory) == {"two": ""}


def test_a_case_that_ended_gets_nothing_more() -> None:
    memory = Memory()
    event = state("SYN_RECV", "ESTABLISHED", ("10.0.1.3", 80), ("10.0.1.2", 4000))
    assert places(event, NOBODY, [ONE, TWO], memory) == {"one": ""}
    assert places(event, NOBODY, [TWO], memory) == {}


def test_a_case_that_watches_more_judges_anew_what_it_had_refused() -> None:
    memory = Memory()
    event = state("SYN_RECV", "ESTABLISHED", ("10.0.1.4", 80), ("10.0.9.9", 4000))
    assert places(event, NOBODY, [ONE], memory) == {}
    wider = View("one", ONE.namespaces | {103: "db"}, ONE.addresses | {"10.0.1.4"})
    assert places(event, NOBODY, [wider], memory) == {}
    forget(memory, "one", belonging=False)
    assert places(event, NOBODY, [wider], memory) == {"one": ""}


def ends(event: str, local: tuple[str, int], peer: tuple[str, int], socket: int = 5) -> dict[str, Any]:
    return {"event": event, "socket": socket, "local": list(local), "peer": list(peer)}


def test_resets_and_retransmissions_belong_to_the_case_with_the_address() -> None:
    for event in ("retransmit", "reset sent", "reset received"):
        found = ends(event, ("10.0.1.3", 80), ("10.0.1.2", 4000))
        assert places(found, STRANGER, [ONE, TWO], Memory()) == {"one": ""}


def test_a_reset_of_no_socket_does_not_decide_about_the_next() -> None:
    memory = Memory()
    assert places(ends("reset sent", ("10.0.1.3", 80), ("10.0.1.2", 4000), 0), NOBODY, [ONE, TWO], memory) == {"one": ""}
    assert places(ends("reset sent", ("10.0.2.2", 80), ("10.0.2.3", 4000), 0), NOBODY, [ONE, TWO], memory) == {"two": ""}


def test_data_is_ready_for_the_case_that_the_socket_is_known_to_belong_to() -> None:
    memory = Memory()
    places(state("LISTEN", "SYN_RECV", ("10.0.1.3", 80), ("10.0.1.2", 4000)), NOBODY, [ONE, TWO], memory)
    assert places(read(5, "ready"), STRANGER, [ONE, TWO], memory) == {"one": ""}


def test_control_data_on_an_unknown_socket_is_ready_for_nobody() -> None:
    memory = Memory()
    assert places(read(5, "ready"), SERVER, [ONE, TWO], memory) == {}
    places(state("LISTEN", "SYN_RECV", ("10.9.9.9", 80), ("10.9.9.8", 4000)), NOBODY, [ONE, TWO], memory)
    assert places(read(5, "ready"), SERVER, [ONE, TWO], memory) == {}


def test_a_datagram_socket_is_known_by_whoever_tried_to_read_it() -> None:
    memory = Memory()
    datagram = {"transport": "udp"}
    assert places(read(9, "ready") | datagram, STRANGER, [ONE, TWO], memory) == {}
    places(read(9) | datagram, SERVER, [ONE, TWO], memory)
    assert places(read(9, "ready") | datagram, STRANGER, [ONE, TWO], memory) == {"one": ""}
    places(read(9) | datagram, STRANGER, [ONE, TWO], memory)
    assert places(read(9, "ready") | datagram, SERVER, [ONE, TWO], memory) == {}

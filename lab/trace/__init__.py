"""Observations to routes: which process received a probe, hop by hop, and where TLS ended. Pure functions, no I/O.

    pcapng, frames            capture files to packets
    streams, flows            packets to ordered bytes, and to connections as one namespace saw them
    connections               the same connection joined over namespaces
    lives                     the kernel's timeline by socket
    tunnel                    a CONNECT that was answered
    tls_records, tls, http    what bytes say; a value, None for "need more", or an exception
    quic_packets, quic_keys, quic_frames, quic_flows   datagrams to QUIC connections, in the form of TLS sessions
    quic_owners, quic_told, h3_streams   who had them, in words, and the streams inside where the client's secrets are known
    talk                      what is said on one connection
    listeners, owners         who listens, who received, who initiated
    bonds, following          what ties one connection to the next; the legs of a probe in order
    datagrams, datagram_facts, datagram_told, datagram_routes   a probe that is a datagram
    blind                     UNIX sockets, where only sizes are known
    account                   what each leg amounts to
    tls_roles, stages, answers, diagnosis, hops, routes   the judgement, by tables

    watched                   requests that nobody of the lab sent

`trace` is the way in. Nothing here knows scenario, plan or configuration.
"""

from lab.trace.routes import trace

__all__ = ["trace"]

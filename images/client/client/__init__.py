"""The lab's client: sends one probe and reports what it saw of it.

    connecting   a TCP connection whose own address is known even when it fails
    ordinary     a request sent by requests
    negotiated   a request in HTTP/2 or 1.1, by ALPN; client certificate; CONNECT
    three        HTTP/3 over QUIC: several streams, another port
    alternatives what answers announced by Alt-Svc
    staged       one connection, step by step
    streams      HTTP/2 on such a connection, stream by stream
    held         HTTP/3 on such a connection
    exact        exact bytes and one answer: the steps without anybody between; or one datagram
    early        early data (0-RTT), which Python's ssl cannot send
    channel      bytes as they are, or TLS whose every write is ours
    answers      answers read one after the other by h11
    keylog       the secrets of its own TLS sessions
    tls          contexts, and what was seen of TLS
    faults       exceptions as the lab's words
    report       the report's JSON
    main         the agents' protocol on standard input and output

Nothing here imports the lab: the contract is ARCHITECTURE.md's protocol and the field names of `ClientReport`.
"""

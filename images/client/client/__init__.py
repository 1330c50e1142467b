"""The lab's client: sends one probe and reports what it saw of it.

    connecting   a TCP connection whose own address is known even when it fails
    ordinary     a request sent by requests
    exact        exact bytes on a socket, the answer read by h11
    tls          contexts, and what was seen of TLS
    faults       exceptions as the lab's words
    report       the report's JSON
    main         the agents' protocol on standard input and output

Nothing here imports the lab: the contract is ARCHITECTURE.md's protocol and the field names of `ClientReport`.
"""

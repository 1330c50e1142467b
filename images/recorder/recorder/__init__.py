"""The lab's recorder: what network namespaces and the kernel show from outside the programs in them.

A pipe protocol in (`protocol`, `requests`), evidence files out (`evidence`). Between them:

    namespaces   entering a network namespace; which one is the host's
    netlink      interfaces, socket tables and packet hooks, by netlink
    diag         the socket table's own layout
    sockets      rows of that table as evidence
    unixes       UNIX sockets and their peers
    processes    /proc: who is in a namespace, who holds which socket
    filters      the kernel's own packet filter, as data
    capture      AF_PACKET sockets to `pcapng` files
    formats, ring, tracefs   the kernel's trace buffer: layout, pages, instance
    tids         thread id to process and namespace
    timeline     trace records to events, and to the cases that they belong to
    tracing, calls, witnessing, following   strace in its place: processes, its lines, events, and who reads it
    errors       errors of whoever asked
    case         what one case has open
    attaching, looking, waiting   what is done with it on request
    connections, awaiting, settling   one connection's two ends; waiting for it, and for stillness
    signals      processes of a container stopped, continued, killed
    links, counting, queueing   links that lose: rules, which segments, the kernel's packet queue
    placing      which namespaces processes are in, and who listens there
    pump         the one thread that reads packets and trace pages
    machine      what kind of machine this is, and how that was told

Nothing here imports the lab: the contract is ARCHITECTURE.md's protocol and the field names of
`lab.model.observations`.
"""

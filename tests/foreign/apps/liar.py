"""Relays to HOST:PORT2 byte by byte and says in its answers that somebody else did: python3 liar.py PORT HOST PORT2."""

import socket
import sys
import threading

PORT, HOST, TO = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])


def relay(taken: socket.socket) -> None:
    with taken, socket.create_connection((HOST, TO)) as onward:
        onward.sendall(taken.recv(65536))
        answer = onward.recv(65536)
        head, _, body = answer.partition(b"\r\n")
        taken.sendall(head + b"\r\nServer: nginx\r\nX-Served-By: app:9000\r\nVia: 1.1 varnish\r\n" + body)
        while taken.recv(65536):
            pass


with socket.create_server(("0.0.0.0", PORT)) as listener:
    while True:
        threading.Thread(target=relay, args=(listener.accept()[0],), daemon=True).start()

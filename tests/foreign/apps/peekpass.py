"""The acceptor reads the head, decides by it, and hands the descriptor with what it read to a worker:
python3 peekpass.py PORT.
"""

import os
import socket
import sys

up, down = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.fork() == 0:
    while True:
        _, descriptors, _, _ = socket.recv_fds(down, 65536, 1)
        with socket.socket(fileno=descriptors[0]) as taken:
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
listener = socket.create_server(("", int(sys.argv[1])))
while True:
    with listener.accept()[0] as accepted:
        socket.send_fds(up, [accepted.recv(65536)], [accepted.fileno()])

"""Three processes, each with a listening socket of its own on one port: python3 reuseport.py PORT."""

import os
import socket
import sys

for _ in range(2):
    if os.fork() == 0:
        break
with socket.create_server(("0.0.0.0", int(sys.argv[1])), reuse_port=True) as listener:
    while True:
        taken, _ = listener.accept()
        with taken:
            taken.recv(65536)
            said = f"process {os.getpid()} says hello\n".encode()
            taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(said), said))

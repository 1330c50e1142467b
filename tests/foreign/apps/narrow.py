"""A listener that takes one connection after the other, each for as long as it lasts, with the shortest queue there is."""

import socket
import sys

listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=0)
while True:
    taken, _ = listener.accept()
    with taken:
        while taken.recv(65536):
            pass

"""`python3 -m client`."""

from client.main import main

main()

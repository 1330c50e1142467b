"""`python3 -m recorder`."""

from recorder.main import main

main()

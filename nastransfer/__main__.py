"""`python -m nastransfer ...`."""

from nastransfer.cli import main

main()

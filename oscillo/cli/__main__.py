"""`python -m oscillo.cli`, where the command is not on the path."""

from oscillo.cli import main

main()

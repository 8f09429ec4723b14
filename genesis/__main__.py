"""`python -m genesis`: the same as the command `genesis`."""

from genesis.cli import main

main()

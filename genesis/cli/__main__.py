"""`python -m genesis.cli`: the same as `genesis`."""

from genesis.cli.main import main

main()

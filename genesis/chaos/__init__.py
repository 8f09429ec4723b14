"""Break a running system on purpose, again and again, and count what was lost or done twice: `python -m genesis.chaos`."""

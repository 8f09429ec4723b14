"""Measurements: each module is a command that prints a table, with a peer in the same run where there is one."""

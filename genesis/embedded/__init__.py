"""Servers that Genesis starts itself, so that one machine needs nothing beside Python."""

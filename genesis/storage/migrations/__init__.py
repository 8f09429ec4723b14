"""Migrations of the schema, run by `genesis.storage.schema`."""

"""Write rows into PostgreSQL so that a second run of the same event changes nothing: upserts, by event id.

An entry may be handled twice: its worker was killed after the write and before the entry was settled, or a
worker that was taken for dead woke up. The row's key tells that it is the same event:

    @subscribe(ZoneEvent, group="visits", queue="storage")
    def store_visit(event, context):
        with connection, connection.cursor() as cursor:  # commits: before the entry is settled, never after
            upsert(cursor, "visits", {"event_id": event.id, "camera": event.camera, "entered": event.time})

The table needs a primary key, or a unique constraint, over the key's columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg2 import errors, sql
from psycopg2.extras import execute_values

from genesis.errors import PermanentError

Row = Mapping[str, Any]

BY_EVENT = ("event_id",)
PAGE_ROWS = 500  # in one statement


class UpsertError(PermanentError):
    """Rows and table do not fit. Correct the handler or the table's constraints, then replay the event."""


def upsert(cursor: Any, table: str, values: Row, *, key: Sequence[str] = BY_EVENT, update: Sequence[str] = ()) -> bool:
    """Insert a row, unless its key is there already; return whether it is new.

    Waits for another transaction that is writing the same key, so two at once make one row.

    Args:
        cursor: of a psycopg2 connection; committing is the caller's.
        table: its name, with its schema or without (`visits`, `site.visits`).
        values: by column.
        key: columns that name the row; a constraint of the table makes them unique.
        update: columns that are overwritten where the row is there already; none leaves it as it is.

    Raises:
        UpsertError: a key without a value, a column to update without one, or no such constraint.
        psycopg2.Error: what else the database has against it.
    """
    return bool(upsert_many(cursor, table, [values], key=key, update=update))


def upsert_many(cursor: Any, table: str, rows: Sequence[Row], *, key: Sequence[str] = BY_EVENT, update: Sequence[str] = ()) -> int:
    """Do the same for many rows with the same columns, in few round trips; return how many are new.

    Where two of them have the same key, the result is that of one after the other.
    """
    if not rows:
        return 0
    columns = tuple(rows[0])
    _check(table, columns, rows, key, update)
    statement = sql.SQL("INSERT INTO {} ({}) VALUES %s ON CONFLICT ({}) DO {}").format(
        _name(*table.split(".")), _listed(map(_name, columns)), _listed(map(_name, key)), _action(update)
    )
    once = _merged(rows, key, update)
    try:
        answers = execute_values(
            cursor, statement.as_string(cursor), [[row[name] for name in columns] for row in once], page_size=PAGE_ROWS, fetch=True
        )
    except errors.InvalidColumnReference as error:
        msg = f"table {table}: no primary key or unique constraint over ({', '.join(key)}): an upsert needs one"
        raise UpsertError(msg) from error
    return sum(new for (new,) in answers)


def _check(table: str, columns: Sequence[str], rows: Sequence[Row], key: Sequence[str], update: Sequence[str]) -> None:
    wrong = None
    if not key:
        wrong = "no key: name the columns that make a row unique"
    elif absent := [name for name in (*key, *update) if name not in columns]:
        wrong = f"no value for {', '.join(absent)} (columns: {', '.join(columns)})"
    elif any(set(row) != set(columns) for row in rows):
        wrong = f"rows with different columns (the first has {', '.join(columns)})"
    elif any(row[name] is None for row in rows for name in key):
        wrong = f"the key ({', '.join(key)}) is NULL: such rows are never the same"
    if wrong:
        msg = f"table {table}: {wrong}"
        raise UpsertError(msg)


def _merged(rows: Sequence[Row], key: Sequence[str], update: Sequence[str]) -> list[Row]:
    """Return one row for each key: PostgreSQL refuses to update a row twice in one statement."""
    merged: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        first = merged.setdefault(tuple(row[name] for name in key), row)
        if first is not row:
            merged[tuple(row[name] for name in key)] = {**first, **{name: row[name] for name in update}}
    return list(merged.values())


def _name(*parts: str) -> sql.Identifier:
    return sql.Identifier(*(part.replace("%", "%%") for part in parts))


def _listed(names: Iterable[sql.Composable]) -> sql.Composed:
    return sql.SQL(", ").join(names)


def _action(update: Sequence[str]) -> sql.Composable:
    """Return what is done where the row is there already, and what tells that it was not."""
    if not update:
        return sql.SQL("NOTHING RETURNING TRUE")  # what is left alone is not returned
    changes = [sql.SQL("{0} = EXCLUDED.{0}").format(_name(name)) for name in update]
    # A row that was there has been locked by this transaction, which stands in its xmax.
    return sql.SQL("UPDATE SET {} RETURNING xmax = 0").format(_listed(changes))

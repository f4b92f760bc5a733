"""
Many rows in one statement: ``INSERT ... SELECT FROM unnest(...)``.

The number of statements does not grow with the number of rows. Row security and constraints apply as ever.
"""

import json
from collections import namedtuple
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

from django.db import DataError, IntegrityError, connection, models


class Row(Protocol):
    """A named tuple whose names are those of fields: the columns of one row."""

    @property
    def _fields(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Any]: ...


def row_type(*names: str) -> Any:
    """Return the named tuple of rows whose columns are known at run time only."""
    return namedtuple("Row", names)


@contextmanager
def pipelined() -> Iterator[None]:
    """
    Send what follows without waiting for each answer; the first answer that is read waits for all before it.

    Statements run in order, as ever. What one of them raises is raised no later than at the end of the block.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield


@contextmanager
def savepoint() -> Iterator[None]:
    """
    ``pipelined``, and undone as a whole if the database refuses one of the statements; the transaction goes on.

    The savepoint is sent with the statements that it holds: it waits for no answer of its own.
    """
    connection.ensure_connection()
    raw = connection.connection
    try:
        with connection.wrap_database_errors, raw.pipeline():
            raw.execute("SAVEPOINT bulk")
            yield
            raw.execute("RELEASE SAVEPOINT bulk")
    except (DataError, IntegrityError):
        raw.execute("ROLLBACK TO SAVEPOINT bulk", prepare=False)
        raw.execute("RELEASE SAVEPOINT bulk", prepare=False)
        # A pipeline that fails leaves the driver with names of prepared statements that the server never made: it
        # forgets them at the end of a block that is rolled back.
        with raw.transaction(force_rollback=True):
            pass
        # As ``transaction.atomic`` does: a block without a savepoint inside this one may have marked the transaction.
        connection.needs_rollback = False
        raise


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


def _sent_as(field: "models.Field[Any, Any]") -> str:
    """
    The type that a value travels as.

    jsonb travels as text: an array of JSON values has no type of its own on the driver's side. So does
    varchar(n): a cast to it would cut a long text short in silence, where the column refuses it.
    """
    kind = str(field.db_type(connection))
    return "text" if kind == "jsonb" or kind.startswith("varchar") else kind


@lru_cache(maxsize=512)
def _statement(
    model: type[models.Model],
    names: tuple[str, ...],
    varies: tuple[bool, ...],
    key: tuple[str, ...],
    update: tuple[str, ...],
    ignore: bool,
) -> str:
    fields = [_field(model, name) for name in names]
    # Arrays go in binary: as text, every element would have to be searched for quotes.
    arrays = [(field, f"%b::{_sent_as(field)}[]") for field, many in zip(fields, varies, strict=True) if many]
    picked = [
        (f'row."{field.column}"' if many else f"%s::{_sent_as(field)}")
        + ("::jsonb" if field.db_type(connection) == "jsonb" else "")
        for field, many in zip(fields, varies, strict=True)
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    sql = f'INSERT INTO "{model._meta.db_table}" ({columns}) SELECT {", ".join(picked)}'
    if arrays:
        row = ", ".join(f'"{field.column}"' for field, _ in arrays)
        sql += f" FROM unnest({', '.join(place for _, place in arrays)}) AS row ({row})"
    if key:
        target = ", ".join(f'"{_field(model, name).column}"' for name in key)
        news = ", ".join(
            f'"{column}" = EXCLUDED."{column}"' for column in (_field(model, n).column for n in update)
        )
        sql += f" ON CONFLICT ({target}) DO " + (f"UPDATE SET {news}" if news else "NOTHING")
    return sql + " ON CONFLICT DO NOTHING" if ignore else sql


def insert(
    model: type[models.Model],
    rows: Sequence[Row],
    *,
    key: Sequence[str] = (),
    update: Sequence[str] = (),
    ignore: bool = False,
) -> int:
    """
    Insert ``rows``, named tuples of fields; return how many were written, or -1 if that is not known yet
    (``pipelined``).

    With ``key`` (fields of a unique constraint) a row that exists is updated in the fields ``update``,
    or left alone if there are none. With ``ignore`` instead, a row that breaks any unique constraint is left out:
    for tables that the writer may add to but not read.
    """
    assert not (ignore and key)
    if not rows:
        return 0
    columns = _columns(model, rows)
    # Much is the same for all rows of a batch (clinic, patient, time of receipt): it is sent once.
    varies = tuple(any(value != column[0] for value in column) for column in columns)
    if not any(varies) and len(rows) > 1:
        varies = (True, *varies[1:])
    sql = _statement(model, rows[0]._fields, varies, tuple(key), tuple(update), ignore)
    single = [column[0] for column, many in zip(columns, varies, strict=True) if not many]
    arrays = [column for column, many in zip(columns, varies, strict=True) if many]
    with connection.cursor() as cursor:
        cursor.execute(sql, single + arrays)
        return int(cursor.rowcount)


def _columns(model: type[models.Model], rows: Sequence[Row]) -> list[list[Any]]:
    """The values of each field; JSON as text."""
    return [
        [None if value is None else json.dumps(value, sort_keys=True) for value in column]
        if isinstance(_field(model, name), models.JSONField)
        else list(column)
        for name, column in zip(rows[0]._fields, zip(*rows, strict=True), strict=True)
    ]


def update(model: type[models.Model], rows: Sequence[Row], *, key: Sequence[str]) -> int:
    """Set the fields of ``rows``, named tuples, in the rows of the table that agree with them in ``key``."""
    if not rows:
        return 0
    names = rows[0]._fields
    types = ", ".join(f"%s::{_field(model, name).db_type(connection)}[]" for name in names)
    columns = {name: f'"{_field(model, name).column}"' for name in names}
    news = ", ".join(f"{column} = row.{column}" for name, column in columns.items() if name not in key)
    match = " AND ".join(f"stored.{columns[name]} = row.{columns[name]}" for name in key)
    sql = (
        f'UPDATE "{model._meta.db_table}" AS stored SET {news} '
        f"FROM unnest({types}) AS row ({', '.join(columns.values())}) WHERE {match}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, _columns(model, rows))
        return int(cursor.rowcount)

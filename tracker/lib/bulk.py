"""
Many rows in one statement: ``INSERT ... SELECT FROM unnest(...)``.

The number of statements does not grow with the number of rows. Row security and constraints apply as ever.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from django.db import DataError, IntegrityError, connection, models


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
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str] = (),
    update: Sequence[str] = (),
    ignore: bool = False,
) -> int:
    """
    Insert ``rows`` (values in the order of the field ``names``); return how many were written, or -1 if that is
    not known yet (``pipelined``).

    With ``key`` (field names of a unique constraint) a row that exists is updated in the fields ``update``,
    or left alone if there are none. With ``ignore`` instead, a row that breaks any unique constraint is left out:
    for tables that the writer may add to but not read. JSON values are given as text.
    """
    assert not (ignore and key)
    if not rows:
        return 0
    columns = list(zip(*rows, strict=True))
    # Much is the same for all rows of a batch (clinic, patient, time of receipt): it is sent once.
    varies = tuple(any(value != column[0] for value in column) for column in columns)
    if not any(varies) and len(rows) > 1:
        varies = (True, *varies[1:])
    sql = _statement(model, tuple(names), varies, tuple(key), tuple(update), ignore)
    single = [column[0] for column, many in zip(columns, varies, strict=True) if not many]
    arrays = [list(column) for column, many in zip(columns, varies, strict=True) if many]
    with connection.cursor() as cursor:
        cursor.execute(sql, single + arrays)
        return int(cursor.rowcount)


def update(
    model: type[models.Model], key: Sequence[str], names: Sequence[str], rows: Sequence[Sequence[Any]]
) -> int:
    """Set the field ``names`` of the rows found by ``key``; each row gives the key's values, then the new ones."""
    if not rows:
        return 0
    fields = [_field(model, name) for name in (*key, *names)]
    given = ", ".join(f"%s::{field.db_type(connection)}[]" for field in fields)
    columns = [f'"{field.column}"' for field in fields]
    news = ", ".join(f"{column} = row.{column}" for column in columns[len(key) :])
    match = " AND ".join(f"held.{column} = row.{column}" for column in columns[: len(key)])
    sql = (
        f'UPDATE "{model._meta.db_table}" AS held SET {news} '
        f"FROM unnest({given}) AS row ({', '.join(columns)}) WHERE {match}"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
        return int(cursor.rowcount)

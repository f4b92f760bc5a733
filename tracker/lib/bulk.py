"""
Many rows in one statement: ``INSERT ... SELECT FROM unnest(...)``.

The number of statements does not grow with the number of rows. Row security and constraints apply as ever.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.db import connection, models


def _field(model: type[models.Model], name: str) -> "models.Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return field


@lru_cache(maxsize=256)
def _statement(
    model: type[models.Model], names: tuple[str, ...], key: tuple[str, ...], update: tuple[str, ...]
) -> str:
    meta = model._meta
    fields = [_field(model, name) for name in names]
    columns = [field.column for field in fields]
    types = [field.db_type(connection) for field in fields]
    # jsonb travels as text: an array of JSON values has no type of its own on the driver's side.
    # So does varchar(n): a cast to it would cut a long text short in silence, where the column refuses it.
    sent = ["text" if kind == "jsonb" or str(kind).startswith("varchar") else kind for kind in types]
    given = ", ".join(f"%s::{kind}[]" for kind in sent)
    picked = ", ".join(
        f'"{column}"::jsonb' if kind == "jsonb" else f'"{column}"'
        for column, kind in zip(columns, types, strict=True)
    )
    quoted = ", ".join(f'"{column}"' for column in columns)
    sql = f'INSERT INTO "{meta.db_table}" ({quoted}) SELECT {picked} FROM unnest({given}) AS row ({quoted})'
    if key:
        target = ", ".join(f'"{_field(model, name).column}"' for name in key)
        changes = ", ".join(
            f'"{column}" = EXCLUDED."{column}"' for column in (_field(model, name).column for name in update)
        )
        sql += f" ON CONFLICT ({target}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")
    return sql


def insert(
    model: type[models.Model],
    names: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    key: Sequence[str] = (),
    update: Sequence[str] = (),
) -> int:
    """
    Insert ``rows`` (values in the order of the field ``names``); return how many were written.

    With ``key`` (field names of a unique constraint) a row that exists is updated in the fields ``update``,
    or left alone if there are none. JSON values are given as text.
    """
    if not rows:
        return 0
    sql = _statement(model, tuple(names), tuple(key), tuple(update))
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(column) for column in zip(*rows, strict=True)])
        return int(cursor.rowcount)


def change(
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

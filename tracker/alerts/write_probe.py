"""Write probe: can a record, an alert and its message be written now?"""

from functools import cache

from django.apps import apps
from django.db import connection
from django.db.models import AutoField

from tracker.lib.short_transaction import short_transaction
from tracker.lib.table_rights import DEFAULT

# A write that is committed, once a second at most: nobody who asks again and again makes the database busy.
_WRITE = """
INSERT INTO alerts_heartbeat (name, at)
SELECT 'web', statement_timestamp() WHERE NOT EXISTS (
    SELECT FROM alerts_heartbeat WHERE name = 'web' AND at > statement_timestamp() - interval '1 second'
)
ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""


def prove_write() -> None:
    """
    Write a row, with the locks that a write to any of the product's tables takes; within two seconds or not at all.

    :raises DatabaseError: if the database is away, read-only or full, or one of the tables is locked.
    """
    with short_transaction() as cursor:
        cursor.execute(_insert_nothing())
        cursor.execute(_WRITE)


@cache
def _insert_nothing() -> str:
    """
    One statement that inserts no row into every table of ours that takes any.

    It waits for the locks that a write waits for. ``LOCK TABLE`` asks for rights on whole tables, and the product's
    role has them on columns (``lib.table_rights``).
    """
    quote = connection.ops.quote_name
    inserts = []
    for model in apps.get_models():
        if model.__module__.startswith("tracker.") and getattr(model, "db_rights", DEFAULT).insert:
            fields = [
                field for field in model._meta.local_concrete_fields if not isinstance(field, AutoField)
            ]
            table, column = (
                quote(model._meta.db_table),
                quote(next(field.column for field in fields if field.column)),
            )
            inserts.append(f"INSERT INTO {table} ({column}) SELECT {column} FROM {table} WHERE false")
    return "WITH " + ", ".join(f"t{number} AS ({each})" for number, each in enumerate(inserts)) + " SELECT"

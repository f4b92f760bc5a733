"""Write probe: can a record, an alert and its message be written now?"""

from django.apps import apps
from django.db import connection

from tracker.lib.short_transaction import short_transaction

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
        cursor.execute(f"LOCK TABLE {', '.join(_written_tables())} IN ROW EXCLUSIVE MODE")
        cursor.execute(_WRITE)


def _written_tables() -> list[str]:
    models = [model for model in apps.get_models() if getattr(model, "db_rights", "") != "read_only"]
    return sorted({connection.ops.quote_name(model._meta.db_table) for model in models})

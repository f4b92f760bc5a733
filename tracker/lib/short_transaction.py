"""A transaction that gives up soon: for who asks how the database is, and would rather hear nothing than wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

_LIMITS = "SELECT set_config('lock_timeout', '500ms', true), set_config('statement_timeout', '1500ms', true)"


@contextmanager
def short_transaction() -> Iterator[Any]:
    """
    Yield a cursor whose statements wait half a second for a lock and last a second and a half at most.

    :raises OperationalError: if one is not done by then.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LIMITS)
        yield cursor

"""E-mail addresses when the master key changes: each goes under today's, and none is lost on the way."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from tracker.accounts.fields import PURPOSE, UnreadableAddress
from tracker.accounts.models import FormerEmail, User
from tracker.lib import app_secrets

_MODELS: tuple[Any, ...] = (User, FormerEmail)


def count_outdated() -> int:
    """Return how many addresses are encrypted under a former master key."""
    return sum(len(_under_a_former_key(model)) for model in _MODELS)


def reencrypt() -> app_secrets.Reencrypted:
    """Put all addresses under today's master key. It may be killed, and run again."""
    done = unreadable = 0
    for model in _MODELS:
        for pk in _under_a_former_key(model):
            with transaction.atomic():
                row = model.objects.select_for_update().filter(pk=pk).first()
                if row is not None and isinstance(row.email, UnreadableAddress):
                    unreadable += 1
                elif row is not None:
                    row.save(update_fields=["email"])
                    done += 1
    return app_secrets.Reencrypted(done, unreadable)


def unreadable() -> list[tuple[str, str]]:
    """Decrypt every address; return table and primary key of each row whose address cannot be."""
    return [
        (model._meta.db_table, str(pk))
        for model in _MODELS
        for pk, email in model.objects.order_by("pk").values_list("pk", "email").iterator()
        if isinstance(email, UnreadableAddress)
    ]


def key_ids() -> set[str]:
    """Return the ids of the master keys under which addresses are encrypted."""
    return {row[0] for model in _MODELS for row in _rows(model, "DISTINCT split_part(email, ':', 1)")}


def decrypt_any(key_id: str) -> bool:
    """
    Decrypt one address that was encrypted under the master key ``key_id``; return whether there is one.

    :raises encryption.DecryptionError: if the key that we have under this id is another one.
    """
    for model in _MODELS:
        for (email,) in _rows(model, "email", "WHERE starts_with(email, %s) LIMIT 1", f"{key_id}:"):
            app_secrets.decrypt_deterministic(PURPOSE, email)
            return True
    return False


def _under_a_former_key(model: Any) -> list[UUID]:
    which = "WHERE NOT starts_with(email, %s) ORDER BY id"
    return [row[0] for row in _rows(model, "id", which, f"{settings.MASTER_KEY_ID}:")]


def _rows(model: Any, columns: str, which: str = "", *values: str) -> list[tuple[Any, ...]]:
    """Ask in SQL: the field would decrypt."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {model._meta.db_table} {which}", values)
        return list(cursor.fetchall())

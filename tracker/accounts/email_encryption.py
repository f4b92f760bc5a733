"""E-mail addresses when the master key changes: each goes under today's, and none is lost on the way."""

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from tracker.accounts.fields import PURPOSE, UnreadableAddress
from tracker.accounts.models import User
from tracker.lib import app_secrets


def count_outdated() -> int:
    """Return how many addresses are encrypted under a former master key."""
    return len(_under_a_former_key())


def reencrypt() -> app_secrets.Reencrypted:
    """Put all addresses under today's master key. It may be killed, and run again."""
    done = unreadable = 0
    for pk in _under_a_former_key():
        with transaction.atomic():
            user = User.objects.select_for_update().filter(pk=pk).first()
            if user is not None and isinstance(user.email, UnreadableAddress):
                unreadable += 1
            elif user is not None:
                user.save(update_fields=["email"])
                done += 1
    return app_secrets.Reencrypted(done, unreadable)


def unreadable() -> list[tuple[str, str]]:
    """Decrypt every address; return table and primary key of each account whose address cannot be."""
    rows = User.objects.order_by("pk").values_list("pk", "email").iterator()
    return [("accounts_user", str(pk)) for pk, email in rows if isinstance(email, UnreadableAddress)]


def key_ids() -> set[str]:
    """Return the ids of the master keys under which addresses are encrypted."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT split_part(email, ':', 1) FROM accounts_user")
        return {row[0] for row in cursor.fetchall()}


def decrypt_any(key_id: str) -> bool:
    """
    Decrypt one address that was encrypted under the master key ``key_id``; return whether there is one.

    :raises encryption.DecryptionError: if the key that we have under this id is another one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT email FROM accounts_user WHERE starts_with(email, %s) LIMIT 1", [f"{key_id}:"])
        row = cursor.fetchone()
    if row is not None:
        app_secrets.decrypt_deterministic(PURPOSE, row[0])
    return row is not None


def _under_a_former_key() -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM accounts_user WHERE NOT starts_with(email, %s) ORDER BY id",
            [f"{settings.MASTER_KEY_ID}:"],
        )
        return [row[0] for row in cursor.fetchall()]

"""
Former addresses of an account: kept for a month, so that a change by a thief can be undone, and nobody's meanwhile.

Whoever replaces an address holds the lock on the account.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from tracker.accounts.models import FormerEmail, User

KEPT = timedelta(days=30)
# For how long whoever reads the former address undoes the change alone.
UNDO_LASTS = timedelta(hours=72)


class AddressTaken(Exception):
    """Another account has the address, or had it lately."""


@transaction.atomic
def replace(*, user: User, address: str, code: bytes | None, at: datetime) -> str:
    """
    Give the account another address and return the former one; ``code`` (a keyed hash) will undo it.

    :raises AddressTaken: and nothing is changed.
    """
    former: str = user.email
    user.email = address
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
    except IntegrityError:
        raise AddressTaken from None
    # Under a former master key the same address has other bytes: the unique index alone would not see it.
    if User.objects.filter(email=address).exclude(pk=user.pk).exists():
        raise AddressTaken
    require_free(address, user.pk)
    FormerEmail.objects.create(user=user, email=former, replaced_at=at, code=code)
    return former


def require_free(address: str, user_id: UUID) -> None:
    """
    Refuse an address that another account had lately: it may get it back. Call it when the account has the address.

    Only then it is certain: the unique index has waited for whoever was leaving the address at that moment.

    :raises AddressTaken: the caller's transaction is to be undone.
    """
    if FormerEmail.objects.filter(email=address).exclude(user_id=user_id).exists():
        raise AddressTaken


def of(user_id: UUID, at: datetime) -> list[FormerEmail]:
    """Return the addresses that an account had within the last month, the oldest first."""
    return list(
        FormerEmail.objects.filter(user_id=user_id, replaced_at__gt=at - KEPT).order_by("replaced_at", "id")
    )


def others_until(user_id: UUID, at: datetime) -> list[datetime]:
    """Return until when an account first had each address of the last month that it has no more."""
    has_now = User.objects.values_list("email", flat=True).get(pk=user_id)
    first: dict[str, datetime] = {}
    for row in of(user_id, at):
        first.setdefault(row.email, row.replaced_at)
    return [until for email, until in first.items() if email != has_now]


def delete_expired(*, at: datetime) -> int:
    """Remove addresses that were replaced more than a month ago; return how many."""
    return int(FormerEmail.objects.filter(replaced_at__lte=at - KEPT).delete()[0])

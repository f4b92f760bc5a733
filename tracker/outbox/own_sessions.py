"""Ending one of one's own sign-ins (``access.sessions``), told to its owner in the same transaction."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.access import sessions as access_sessions
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.outbox import security_notices


@transaction.atomic
def end_and_notify(*, principal: Principal, reference: UUID, session_key: str, at: datetime) -> None:
    """
    End one session of the principal; unless it is that of ``session_key``, which asks, tell the principal.

    It ends at once, whoever asks: it is how an owner shuts out whoever has the password, and only retiring a phone
    takes away more than signing in again gives back.

    :raises NotFoundOrHidden: as ``access.sessions.revoke`` does.
    """
    is_another = not sessions.is_reference_of(session_key, reference)
    access_sessions.revoke(principal=principal, reference=reference, at=at)
    if is_another:
        security_notices.notify(
            clinic_id=principal.clinic_id, user_id=principal.user_id, words="session-ended", at=at
        )

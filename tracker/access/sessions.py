"""Ending one of one's own sign-in sessions, with its audit event."""

from datetime import datetime
from uuid import UUID

from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.clinics.errors import NotFoundOrHidden


def revoke(*, principal: Principal, reference: UUID, at: datetime) -> None:
    """
    End one session of the principal; its next request is refused.

    :raises NotFoundOrHidden: if there is no such session, or it is somebody else's.
    """
    if not sessions.revoke(principal.user_id, reference):
        raise NotFoundOrHidden
    principal.audit("session.end", f"session/{reference}", patient_id=principal.patient_id, at=at)

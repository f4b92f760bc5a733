"""A patient's name or telephone number is another one: the patient is told, in the same transaction."""

from datetime import datetime

from tracker.access import profile
from tracker.access.principal import Principal
from tracker.outbox import security_notices


def change_and_notify(
    *, principal: Principal, base_versions: frozenset[int] | None, changes: dict[str, str], at: datetime
) -> None:
    """Do ``access.profile.change``, which says what it raises; tell the patient of a new name or number."""
    changed = profile.change(principal=principal, base_versions=base_versions, changes=changes, at=at)
    for name in sorted(changed & {"name", "phone"}):
        security_notices.notify(
            clinic_id=principal.clinic_id, user_id=principal.user_id, words=f"{name}-changed", at=at
        )

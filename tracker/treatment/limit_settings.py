"""The clinic's limits of monitoring, as somebody set them; the project's defaults where nobody did."""

from datetime import datetime
from uuid import UUID

from tracker.access.principal import Principal
from tracker.clinics.models import StaffMember
from tracker.lib import rls
from tracker.treatment import limits
from tracker.treatment.limits import Limits
from tracker.treatment.models import MonitoringLimits
from tracker.treatment.products import Route


def newest(clinic_id: UUID) -> MonitoringLimits | None:
    """Return the row that counts; None if nobody has set any."""
    return MonitoringLimits.objects.filter(clinic_id=clinic_id).order_by("-id").first()


def of_clinic(clinic_id: UUID) -> Limits:
    """Return the limits that count in a clinic."""
    row = newest(clinic_id)
    if row is None:
        return limits.DEFAULTS
    minutes = {Route(code): value for code, value in row.observation_minutes.items() if code in set(Route)}
    return Limits(**{name: getattr(row, name) for name in limits.BOUNDS}, observation_minutes=minutes)


def change(*, principal: Principal, wanted: Limits, at: datetime) -> MonitoringLimits:
    """
    Set the clinic's limits; who set them is kept, and so are the former ones.

    :raises limits.OutOfBounds: if one is beyond what a clinic may choose.
    """
    limits.check(wanted)
    with rls.as_clinic(principal.clinic_id):
        row = MonitoringLimits.objects.create(
            clinic_id=principal.clinic_id, set_by_id=principal.user_id, set_at=at,
            observation_minutes={str(route): value for route, value in wanted.observation_minutes.items()},
            **{name: getattr(wanted, name) for name in limits.BOUNDS},
        )  # fmt: skip
    principal.audit("monitoring_limits.set", str(row), at=at)
    return row


def name_of(row: MonitoringLimits) -> str | None:
    """Return the name of whoever set the limits."""
    names = StaffMember.objects.filter(clinic_id=row.clinic_id, user_id=row.set_by_id)
    return names.values_list("name", flat=True).order_by("left_at", "pk").first()

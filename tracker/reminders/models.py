"""Planned telehealth check-ins."""

import uuid
from typing import Self

from django.db import models

from tracker.access.policy import Category
from tracker.access.rls import by_category
from tracker.clinics.models import PatientOwned, StaffMember
from tracker.clinics.rls import same_clinic
from tracker.lib.constraints import within
from tracker.lib.table_constraints import NoOverlap

# From the start up to the end, without it. Both in UTC, where an instant and its length are immutable to PostgreSQL.
_SPAN = (
    "tsrange(starts_at AT TIME ZONE 'UTC', (starts_at AT TIME ZONE 'UTC') + make_interval(mins => minutes))"
)


class CheckInQuerySet(models.QuerySet["CheckIn"]):
    """Check-ins, narrowed in words of the domain."""

    def planned(self) -> Self:
        return self.filter(cancelled_at__isnull=True)

    def upcoming(self, at: object) -> Self:
        return self.planned().filter(starts_at__gte=at)


class CheckIn(PatientOwned):
    """
    A telehealth contact that staff planned with a patient, to be there themselves.

    It was planned for the wall clock: ``local_date`` and ``local_time`` in ``time_zone``, the patient's zone at that
    time. ``starts_at`` is the instant that this is by ``zone_rules``, a version of the zones' rules; by a later version
    it is derived again.

    ``reminder_moved_to`` is when the reminder goes out, of one that fell within a capacity guard. It stays so when the
    dose is corrected meanwhile: going back to an hour that has passed, the reminder would count as missed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    local_date = models.DateField()
    local_time = models.TimeField()
    zone_rules = models.CharField(max_length=16)
    minutes = models.SmallIntegerField(default=20)
    planned_at = models.DateTimeField()
    reminder_moved_to = models.DateTimeField(null=True)
    cancelled_at = models.DateTimeField(null=True)

    objects = CheckInQuerySet.as_manager()

    class Meta:
        constraints = [
            *by_category(Category.VISITS),
            same_clinic("staff_member_id", "clinics_staffmember"),
            within("minutes", 5, 240, name="check_in_5_to_240_minutes"),
            NoOverlap(
                name="check_in_patient_is_free",
                columns=["patient_id"],
                span=_SPAN,
                condition="cancelled_at IS NULL",
            ),
            NoOverlap(
                name="check_in_clinician_is_free",
                columns=["staff_member_id"],
                span=_SPAN,
                condition="cancelled_at IS NULL",
            ),
        ]
        indexes = [models.Index(fields=["clinic_id", "starts_at"], name="check_in_by_time")]

    def __str__(self) -> str:
        return f"check_in/{self.pk}"

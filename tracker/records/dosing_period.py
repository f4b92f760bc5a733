"""The dosing of a treatment session: what baselines count back from, and the time after it in which no form counts."""

from typing import Self

from django.db import models
from django.db.models import OuterRef

from tracker.access.policy import Category
from tracker.access.rls import derived_by_category
from tracker.clinics.models import PatientOwned
from tracker.lib.table_rights import TableRights


class DosingPeriodQuerySet(models.QuerySet["DosingPeriod"]):
    """Dosing periods, narrowed in words of the domain."""

    def around(self, instant: str) -> Self:
        """Those of the patient of an outer row in which its ``instant``, a column of it, lies."""
        at = OuterRef(instant)
        return self.filter(patient=OuterRef("patient"), dosed_at__lte=at, capacity_ends_at__gt=at)


class DosingPeriod(PatientOwned):
    """
    The dosing of a treatment session, as far as other records depend on it. The app of the sessions keeps it current.

    ``dosed_at`` and ``local_date`` are of the first dose: baselines count back from the first one of the patient's. Up
    to ``capacity_ends_at`` no answer to a questionnaire counts.
    """

    objects = DosingPeriodQuerySet.as_manager()
    db_rights = TableRights(delete="derived: made anew with its session")
    pk = models.CompositePrimaryKey("patient_id", "session_id")
    session_id = models.UUIDField()
    dosed_at = models.DateTimeField()
    local_date = models.DateField()
    capacity_ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            *derived_by_category(Category.TREATMENT),
            models.CheckConstraint(
                condition=models.Q(capacity_ends_at__gt=models.F("dosed_at")),
                name="dosing_period_ends_after_the_dose",
            ),
        ]
        indexes = [models.Index(fields=["patient", "dosed_at"], name="dosing_period_in_order")]

    def __str__(self) -> str:
        return f"dosing-period/{self.session_id}"

"""Progress summaries, one per patient and week, and the state by which a stale one is found."""

import uuid

from django.db import models

from tracker.access.rls import by_every_category
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import patient_only
from tracker.lib.table_rights import TableRights


class SummaryState(PatientOwned):
    """How far a patient's summaries have come: stale when the timeline's head is beyond ``through_sequence``."""

    pk = models.CompositePrimaryKey("patient_id", "clinic_id")
    through_sequence = models.BigIntegerField()
    through_on = models.DateField(help_text="the patient's local day of the last run")
    algorithm = models.CharField(max_length=32)

    class Meta:
        constraints = [*patient_only()]


class Summary(PatientOwned):
    """
    One week (Monday to Sunday, the patient's local days) of one patient, for the care team.

    ``figures`` is canonical JSON: same inputs, same bytes. ``digest`` is its SHA-256, in hexadecimal.
    """

    db_rights = TableRights(delete="a week whose entries were all moved or removed")
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    week_start = models.DateField(help_text="the Monday it starts on")
    figures = models.TextField()
    digest = models.CharField(max_length=64)
    algorithm = models.CharField(max_length=32)
    through_sequence = models.BigIntegerField()
    built_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            *by_every_category(),
            models.UniqueConstraint(fields=["patient", "week_start"], name="summary_once_per_week"),
            models.CheckConstraint(
                condition=models.Q(week_start__iso_week_day=1), name="summary_starts_on_monday"
            ),
        ]

    def __str__(self) -> str:
        return f"summary/{self.pk}"

"""Progress summaries, one per patient and week in parts by category, and the state by which a stale one is found."""

from django.db import models

from tracker.access.policy import Category
from tracker.access.rls import derived_by_row_category
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import patient_only
from tracker.lib.constraints import one_of
from tracker.lib.table_rights import TableRights


class SummaryState(PatientOwned):
    """
    How far a patient's summaries have come: stale when the timeline's head is beyond ``through_sequence``.

    ``failures`` counts the tries in a row that failed; until ``next_try_at`` there is none.
    """

    pk = models.CompositePrimaryKey("patient_id", "clinic_id")
    through_sequence = models.BigIntegerField()
    through_on = models.DateField(help_text="the patient's local day of the last run")
    algorithm = models.CharField(max_length=32)
    failures = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [*patient_only()]


class SummaryPart(PatientOwned):
    """
    What one category of consent has in the summary of one week (Monday to Sunday, the patient's local days).

    A reader gets the parts of what is shared with them, as one summary (``progress.summaries``). ``figures`` is
    canonical JSON: same inputs, same bytes. ``digest`` is its SHA-256, in hexadecimal. ``is_due``: the category alone
    gives the week a summary.
    """

    db_rights = TableRights(delete="a week whose entries were all moved or removed")
    pk = models.CompositePrimaryKey("patient_id", "week_start", "category")
    week_start = models.DateField(help_text="the Monday it starts on")
    category = models.CharField(max_length=12)
    summary_id = models.UUIDField(db_index=True, help_text="the same for all parts of a patient's week")
    is_due = models.BooleanField()
    figures = models.TextField()
    digest = models.CharField(max_length=64)
    algorithm = models.CharField(max_length=32)
    through_sequence = models.BigIntegerField()
    built_at = models.DateTimeField()
    revision = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            *derived_by_row_category(),
            one_of("category", Category, name="summary_category_is_known"),
            models.CheckConstraint(
                condition=models.Q(week_start__iso_week_day=1), name="summary_starts_on_monday"
            ),
        ]

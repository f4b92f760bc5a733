"""Tables beside those of the record kinds: change counter, epoch, history, observations, measure state, dosing."""

from django.db import models

from tracker.access.policy import Category
from tracker.access.rls import SHARED_BY_ROW, derived_by_row_category
from tracker.audit.append_only import append_only
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import IS_OWN, patient_only, visible_to
from tracker.lib.constraints import one_of
from tracker.lib.table_rights import APPEND_ONLY, READ_ONLY, TableRights
from tracker.records.dosing_period import DosingPeriod
from tracker.records.kinds import KINDS
from tracker.records.patient_record import ClockSkew, PatientRecord
from tracker.records.reading_source import Origin

__all__ = [
    "ChangeCounter",
    "DosingPeriod",
    "Epoch",
    "FormerVersion",
    "MeasureState",
    "Observation",
    "PatientRecord",
]

# Of a kind whose entries are shared one by one, the former versions are their writer's alone.
_SHARED_ONE_BY_ONE = ", ".join(f"'{kind.name}'" for kind in KINDS.values() if kind.visible_to_others)
_SHARED_VERSION = f"{IS_OWN} OR (kind NOT IN ({_SHARED_ONE_BY_ONE}) AND {SHARED_BY_ROW})"


class ChangeCounter(PatientOwned):
    """
    The head of a patient's changes. Its lock puts one patient's writers in line; others never wait.

    ``stored_bytes`` counts what was stored, as it was sent: each version of each record, removed or not.
    """

    pk = models.CompositePrimaryKey("patient_id", "clinic_id")
    head = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)

    class Meta:
        constraints = [*patient_only()]


class Epoch(models.Model):
    """
    The state of the whole database between two restores. The newest row counts: after a restore a new one begins.

    Cursors name the epoch that they were made in, since change numbers may have been given twice after a restore.
    It holds nothing of a clinic and has no row-level security; the application reads it, the operator's command adds
    to it.
    """

    db_rights = READ_ONLY
    number = models.AutoField(primary_key=True)
    began_at = models.DateTimeField()
    why = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"epoch/{self.number}"


class FormerVersion(PatientOwned):
    """What a record was before it was amended or removed. A trigger writes it; nothing changes it."""

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32)
    category = models.CharField(max_length=12)
    record_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    fingerprint = models.BinaryField(max_length=32, null=True)
    row = models.JSONField()
    replaced_at = models.DateTimeField()

    class Meta:
        constraints = [
            *visible_to(_SHARED_VERSION),
            *append_only(),
            one_of("category", Category, name="former_version_category_is_known"),
        ]
        indexes = [models.Index(fields=["patient", "record_id", "revision"], name="former_version_by_record")]

    def __str__(self) -> str:
        return f"former-version/{self.pk}"


class Observation(PatientOwned):
    """
    One number of one measure (``records.measures`` names unit, range and direction), from one record.

    Written in the transaction of its record. Charts, summaries and alert rules read this table; nothing else
    invents numbers. ``at`` and ``local_date`` are the instant and the day that the record is about; by a clock that is
    known to be wrong (``clock_skew`` ahead, or long before the enrolment and not imported) it is kept, and counts in no
    number. ``source_order`` is the place of the record's source among those of a day (``records.reading_source``);
    ``by_caregiver``: a caregiver gave the reading. ``is_in_capacity_guard``: of answers given too soon after a dose
    (``records.capacity_guard``); in no number either.
    """

    db_rights = TableRights(delete="derived: made anew with its record")
    pk = models.CompositePrimaryKey("patient_id", "source_id", "measure")
    source_id = models.UUIDField()
    source_kind = models.CharField(max_length=32)
    measure = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    local_date = models.DateField()
    at = models.DateTimeField()
    clock_skew = models.CharField(max_length=8, choices=ClockSkew.choices, default=ClockSkew.NONE)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.ENTERED)
    source_order = models.CharField(max_length=80, blank=True)
    by_caregiver = models.BooleanField(default=False)
    is_in_capacity_guard = models.BooleanField(default=False)
    value = models.FloatField()
    band = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [
            *derived_by_row_category(),
            one_of("origin", Origin, name="observation_origin_is_known"),
            one_of("clock_skew", ClockSkew, name="observation_clock_skew_is_known"),
            one_of("category", Category, name="observation_category_is_known"),
        ]
        indexes = [
            models.Index(
                fields=["patient", "measure", "local_date", "at"],
                include=[
                    "value",
                    "clock_skew",
                    "origin",
                    "source_order",
                    "by_caregiver",
                    "is_in_capacity_guard",
                ],
                name="observation_by_day",
            )
        ]


class Basis(models.TextChoices):
    BEFORE_TREATMENT = "BEFORE_TREATMENT", "before the first session"
    FIRST_DAYS = "FIRST_DAYS", "first 14 days of the record"


class MeasureState(PatientOwned):
    """
    Baseline, last value and last week of one measure: a stored row kept current, so that a list never scans.

    ``last`` is the value of the greatest instant. ``week_mean`` is the mean of the daily means in the seven local days
    that end on the last day with a value (that of ``last_on``, unless somebody travelled west since); ``week_n`` counts
    those days, ``week_by_caregiver`` those of them on which a caregiver gave a value. A page that finds ``last_on``
    long ago says so, and does not pass it off as now.
    """

    db_rights = TableRights(delete="derived: made anew with its observations")
    pk = models.CompositePrimaryKey("patient_id", "measure")
    measure = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    baseline = models.FloatField(null=True)
    baseline_n = models.IntegerField(default=0)
    baseline_to = models.DateField(null=True, help_text="the last day that the baseline is made of")
    baseline_basis = models.CharField(max_length=20, choices=Basis.choices)
    last = models.FloatField()
    last_at = models.DateTimeField()
    last_on = models.DateField()
    last_by_caregiver = models.BooleanField(default=False)
    week_mean = models.FloatField()
    week_n = models.IntegerField()
    week_by_caregiver = models.IntegerField(default=0)

    class Meta:
        constraints = [
            *derived_by_row_category(),
            one_of("baseline_basis", Basis, name="measure_state_basis_is_known"),
            one_of("category", Category, name="measure_state_category_is_known"),
        ]

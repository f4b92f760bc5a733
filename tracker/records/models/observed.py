"""The numeric timeline derived from the records, and what pages need ready-made of it."""

from django.db import models

from tracker.access.policy import Category
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import one_of


class Observation(PatientOwned):
    """
    One number of one measure (``instruments.measures`` names unit, range and direction), from one record.

    Written in the transaction of its record. Charts, summaries and alert rules read this table; nothing else
    invents numbers.
    """

    pk = models.CompositePrimaryKey("patient_id", "source_id", "measure")
    source_id = models.UUIDField()
    source_kind = models.CharField(max_length=32)
    measure = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    local_date = models.DateField()
    at = models.DateTimeField()
    value = models.FloatField()
    band = models.CharField(max_length=80, blank=True)

    class Meta:
        constraints = [one_of("category", Category, name="observation_category_is_known")]
        indexes = [
            models.Index(
                fields=["patient", "measure", "local_date", "at"],
                include=["value"],
                name="observation_by_day",
            )
        ]


class Basis(models.TextChoices):
    BEFORE_TREATMENT = "BEFORE_TREATMENT", "before the first session"
    FIRST_DAYS = "FIRST_DAYS", "first 14 days of the record"


class MeasureState(PatientOwned):
    """
    Baseline, last value and last week of one measure: a stored row kept current, so that a list never scans.

    ``week_mean`` is the mean of the daily means in the seven local days that end on ``last_on``; ``week_n``
    counts those days. A page that finds ``last_on`` long ago says so, and does not pass it off as now.
    """

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
    week_mean = models.FloatField()
    week_n = models.IntegerField()

    class Meta:
        constraints = [
            one_of("baseline_basis", Basis, name="measure_state_basis_is_known"),
            one_of("category", Category, name="measure_state_category_is_known"),
        ]

"""What the body says: side effects and vital signs."""

from django.db import models
from django.db.models import Q

from tracker.lib.constraints import all_or_none, at_least_one, numbers_by_code, sql_check, within
from tracker.records import value_sets
from tracker.records.models.base import PatientRecord

VITALS = (
    "systolic",
    "diastolic",
    "heart_rate",
    "respiratory_rate",
    "spo2",
    "temperature_c",
    "weight_kg",
)


class SideEffects(PatientRecord):
    """
    The side-effect checklist (``side-effects`` in the catalogue), as far as it was tapped.

    ``items`` maps an effect to its severity: 0 none, 1 mild, 2 moderate, 3 severe. An effect that is not there
    was not asked, which is not "none". ``duration_minutes`` says of some of them how long they lasted.
    """

    items = models.JSONField()
    duration_minutes = models.JSONField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            sql_check(numbers_by_code("items", value_sets.EFFECTS, 0, 3), name="side_effects_are_known"),
            sql_check(
                numbers_by_code("duration_minutes", value_sets.EFFECTS, 0, 43_200),
                name="side_effects_last_up_to_30_days",
            ),
        ]


class Vitals(PatientRecord):
    """
    Vital signs, any of them, measured at one moment.

    Blood pressure in mmHg, heart rate and breaths per minute, oxygen saturation in percent, temperature in
    degrees Celsius, weight in kg. The limits are those of a living adult and of the devices, wider than any
    normal range: they catch slips of the finger. ``self_measured``: by the patient, at home.
    """

    systolic = models.SmallIntegerField(null=True)
    diastolic = models.SmallIntegerField(null=True)
    heart_rate = models.SmallIntegerField(null=True)
    respiratory_rate = models.SmallIntegerField(null=True)
    spo2 = models.SmallIntegerField(null=True)
    temperature_c = models.DecimalField(max_digits=3, decimal_places=1, null=True)
    weight_kg = models.DecimalField(max_digits=5, decimal_places=2, null=True)
    self_measured = models.BooleanField(default=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            at_least_one(*VITALS, name="vitals_have_a_value"),
            within("systolic", 40, 300, name="vitals_systolic_40_to_300"),
            within("diastolic", 20, 200, name="vitals_diastolic_20_to_200"),
            all_or_none("systolic", "diastolic", name="vitals_pressure_has_both_values"),
            models.CheckConstraint(
                condition=Q(systolic__isnull=True) | Q(systolic__gt=models.F("diastolic")),
                name="vitals_systolic_above_diastolic",
            ),
            within("heart_rate", 20, 300, name="vitals_heart_rate_20_to_300"),
            within("respiratory_rate", 3, 80, name="vitals_respiratory_rate_3_to_80"),
            within("spo2", 50, 100, name="vitals_spo2_50_to_100"),
            within("temperature_c", 30, 45, name="vitals_temperature_30_to_45"),
            within("weight_kg", 20, 400, name="vitals_weight_20_to_400"),
        ]

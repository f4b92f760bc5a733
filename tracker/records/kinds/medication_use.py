"""Medication use: a dose taken, skipped, or taken as needed."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from django.db import models
from django.db.models import Q
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments.measures import Measure
from tracker.lib.constraints import all_or_none, one_of, one_of_or_null, within
from tracker.lib.formatting import number
from tracker.lib.strict_model import DECIMALS, Code, code_from, rounded_to
from tracker.records import medications
from tracker.records.kinds.base import Kind, Payload
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table

PREFIX = "dose."
# Doses in a unit without a mass (tablets, sprays) are no number on the timeline: their strength is not known here.
_MG = {"mg": 1.0, "mcg": 0.001}


class Outcome(models.TextChoices):
    TAKEN = "taken", "taken"
    SKIPPED = "skipped", "skipped"
    PRN = "prn", "taken as needed"


class Unit(models.TextChoices):
    MG = "mg", "mg"
    MCG = "mcg", "mcg"
    ML = "ml", "ml"
    TABLET = "tablet", "tablet"
    SPRAY = "spray", "spray"
    PATCH = "patch", "patch"


class Reason(models.TextChoices):
    FORGOT = "forgot", "forgot"
    SIDE_EFFECTS = "side_effects", "side effects"
    FELT_WELL = "felt_well", "felt well"
    NO_SUPPLY = "no_supply", "ran out"
    ADVISED = "advised", "advised to"
    OTHER = "other", "other"


class MedicationUse(PatientRecord):
    """
    A dose that was taken, skipped, or taken as needed.

    ``medication`` is a code (``venlafaxine``); ``dose_value`` is the dose taken, in ``dose_unit``. A skipped
    dose has no dose value: it counts as none taken, which a day without an entry does not.
    """

    medication = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    dose_value = models.FloatField(null=True)
    dose_unit = models.CharField(max_length=8, choices=Unit.choices, null=True)  # noqa: DJ001 - NULL: no dose given
    reason = models.CharField(max_length=16, choices=Reason.choices, null=True)  # noqa: DJ001 - NULL: not asked

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("medication_use", Category.MEDICATION, caregivers_write=True),
            one_of("outcome", Outcome, name="medication_outcome_is_known"),
            one_of_or_null("dose_unit", Unit, name="medication_dose_unit_is_known"),
            one_of_or_null("reason", Reason, name="medication_reason_is_known"),
            all_or_none("dose_value", "dose_unit", name="medication_dose_has_a_unit"),
            within("dose_value", 0, 100_000, name="medication_dose_from_zero"),
            models.CheckConstraint(
                condition=~Q(outcome="skipped") | Q(dose_value__isnull=True),
                name="medication_skipped_has_no_dose",
            ),
            models.CheckConstraint(
                condition=Q(medication__regex=r"^[a-z0-9][a-z0-9-]{0,63}$"),
                name="medication_is_a_code",
            ),
        ]


class MedicationUseData(Payload):
    """A dose taken, skipped, or taken as needed (prn). A dose has value and unit; one that was skipped has none."""

    model_config = ConfigDict(
        json_schema_extra={
            "dependentRequired": {"dose_value": ["dose_unit"], "dose_unit": ["dose_value"]},
            "if": {"required": ["outcome"], "properties": {"outcome": {"const": Outcome.SKIPPED.value}}},
            "then": {"properties": {"dose_value": False}},
        }
    )

    medication: Code
    outcome: code_from("DoseOutcome", Outcome.values)  # type: ignore[valid-type]
    dose_value: Annotated[float, Field(ge=0, le=100_000, description=DECIMALS[3]), rounded_to(3)] | None = (
        None
    )
    dose_unit: code_from("DoseUnit", Unit.values) | None = None  # type: ignore[valid-type]
    reason: code_from("DoseReason", Reason.values) | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _dose_makes_sense(self) -> "MedicationUseData":
        if (self.dose_value is None) != (self.dose_unit is None):
            raise PydanticCustomError("dose_without_unit", "a dose needs both value and unit")
        if self.outcome == "skipped" and self.dose_value is not None:
            raise PydanticCustomError("skipped_with_dose", "a skipped dose has no dose value")
        return self


def observations(data: MedicationUseData) -> Iterator[tuple[str, float]]:
    """The dose in mg, under the medication's own measure ``dose.<code>``; a skipped dose is none taken: 0 mg."""
    if data.outcome == "skipped":
        yield f"{PREFIX}{data.medication}", 0.0
    elif data.dose_value is not None and data.dose_unit in _MG:
        yield f"{PREFIX}{data.medication}", round(data.dose_value * _MG[data.dose_unit], 6)


@lru_cache(maxsize=1024)
def measure_of(code: str) -> Measure | None:
    """The dose of one medication: as many measures as there are medications."""
    medication = code.removeprefix(PREFIX)
    if not medication:
        return None
    return Measure(
        code,
        f"Dose of {medications.name(medication)}",
        "mg",
        0,
        1e6,
        "neutral",
        "medication",
        step=0.001,
        has_true_zero=True,
        aggregation="sum",
    )


def line(data: MedicationUseData) -> str:
    """Return ``oxycodone 5 mg, taken`` or ``sertraline, skipped (forgot)``."""
    dose = "" if data.dose_value is None else f" {number(data.dose_value, 3)} {data.dose_unit}"
    reason = f" ({Reason(data.reason).label})" if data.reason else ""
    return f"{medications.name(data.medication)}{dose}, {Outcome(data.outcome).label}{reason}"


KIND = Kind(
    name="medication_use",
    noun="dose",
    plural="doses",
    label="Medication",
    model=MedicationUse,
    payload=MedicationUseData,
    category=Category.MEDICATION,
    caregivers_write=True,
    measure_prefix=PREFIX,
    measure_of=measure_of,
    observations=observations,
    example={
        "medication": "pregabalin",
        "outcome": "prn",
        "dose_value": 37.5,
        "dose_unit": "mg",
        "reason": "other",
    },
    line=line,
)

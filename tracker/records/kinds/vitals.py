"""Vitals: vital signs, measured at one moment."""

from collections.abc import Iterator
from typing import Annotated, Any

from django.db import models
from django.db.models import F, Q
from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments.measures import Measure
from tracker.lib.constraints import all_or_none, at_least_one, within
from tracker.lib.formatting import joined, number
from tracker.lib.strict_model import DECIMALS, StrictModel, code_from, rounded_to
from tracker.records.kinds.base import Kind, Payload, present, refuse_empty
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table

SIGNS = (
    "systolic",
    "diastolic",
    "heart_rate",
    "respiratory_rate",
    "spo2",
    "temperature_c",
    "weight_kg",
)


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
    temperature_c = models.FloatField(null=True)
    weight_kg = models.FloatField(null=True)
    self_measured = models.BooleanField(default=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("vitals", Category.TREATMENT, caregivers_write=True),
            at_least_one(*SIGNS, name="vitals_have_a_value"),
            within("systolic", 40, 300, name="vitals_systolic_40_to_300"),
            within("diastolic", 20, 200, name="vitals_diastolic_20_to_200"),
            all_or_none("systolic", "diastolic", name="vitals_pressure_has_both_values"),
            models.CheckConstraint(
                condition=Q(systolic__isnull=True) | Q(systolic__gt=F("diastolic")),
                name="vitals_systolic_above_diastolic",
            ),
            within("heart_rate", 20, 300, name="vitals_heart_rate_20_to_300"),
            within("respiratory_rate", 3, 80, name="vitals_respiratory_rate_3_to_80"),
            within("spo2", 50, 100, name="vitals_spo2_50_to_100"),
            within("temperature_c", 30, 45, name="vitals_temperature_30_to_45"),
            within("weight_kg", 20, 400, name="vitals_weight_20_to_400"),
        ]


# By definition: the avoirdupois pound.
KG_OF_A_POUND = 0.45359237


def _celsius(degrees: float, unit: str) -> float:
    return degrees if unit == "celsius" else (degrees - 32) / 1.8


def _kilograms(weight: float, unit: str) -> float:
    return weight if unit == "kg" else weight * KG_OF_A_POUND


def _limits(unit: str, low: float, high: float, *, other: tuple[float, float]) -> ConfigDict:
    """JSON Schema: the limits of a value in a unit, and in the other one."""
    return ConfigDict(
        json_schema_extra={
            "if": {"required": ["unit"], "properties": {"unit": {"const": unit}}},
            "then": {"properties": {"value": {"minimum": low, "maximum": high}}},
            "else": {"properties": {"value": {"minimum": other[0], "maximum": other[1]}}},
        }
    )


def _kept(value: float, low: float, high: float, places: int) -> float:
    """The value in the unit that it is kept in, if it is within the limits there."""
    kept = round(value, places)
    if not low <= kept <= high:
        raise PydanticCustomError("out_of_range", "must be within the limits of its unit")
    return kept


class Temperature(StrictModel):
    """A temperature in a declared unit."""

    model_config = _limits("fahrenheit", 86, 113, other=(30, 45))

    # Before the value, whose limits depend on it.
    unit: code_from("TemperatureUnit", ("celsius", "fahrenheit"))  # type: ignore[valid-type]
    value: float

    @field_validator("value")
    @classmethod
    def _is_within_limits(cls, value: float, info: ValidationInfo) -> float:
        if "unit" in info.data:
            _kept(_celsius(value, info.data["unit"]), 30, 45, 1)
        return value

    @property
    def celsius(self) -> float:
        return _kept(_celsius(self.value, self.unit), 30, 45, 1)


class Weight(StrictModel):
    """A weight in a declared unit."""

    model_config = _limits("lb", 44.1, 881.8, other=(20, 400))

    unit: code_from("WeightUnit", ("kg", "lb"))  # type: ignore[valid-type]
    value: float

    @field_validator("value")
    @classmethod
    def _is_within_limits(cls, value: float, info: ValidationInfo) -> float:
        if "unit" in info.data:
            _kept(_kilograms(value, info.data["unit"]), 20, 400, 2)
        return value

    @property
    def kilograms(self) -> float:
        return _kept(_kilograms(self.value, self.unit), 20, 400, 2)


class VitalsData(Payload):
    """
    Vital signs: blood pressure in mmHg, heart rate and breaths per minute, oxygen saturation in percent,
    temperature in degrees Celsius, weight in kg. ``self_measured`` is true unless staff took them. At least one is
    there; a blood pressure has both values, the systolic above the diastolic.

    ``temperature`` and ``weight`` name their unit, and are kept and given back as ``temperature_c`` and ``weight_kg``.
    A number is never guessed at.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "minProperties": 1,
            "dependentRequired": {"systolic": ["diastolic"], "diastolic": ["systolic"]},
            "not": {
                "anyOf": [
                    {"required": [one, other], "properties": {one: {}, other: {}}}
                    for one, other in (("temperature", "temperature_c"), ("weight", "weight_kg"))
                ]
            },
            "if": {"required": ["self_measured"], "properties": {"self_measured": {}}},
            "then": {"minProperties": 2},
        }
    )

    systolic: Annotated[int, Field(ge=40, le=300)] | None = None
    diastolic: Annotated[int, Field(ge=20, le=200)] | None = None
    heart_rate: Annotated[int, Field(ge=20, le=300)] | None = None
    respiratory_rate: Annotated[int, Field(ge=3, le=80)] | None = None
    spo2: Annotated[int, Field(ge=50, le=100)] | None = None
    temperature_c: Annotated[float, Field(ge=30, le=45, description=DECIMALS[1]), rounded_to(1)] | None = None
    weight_kg: Annotated[float, Field(ge=20, le=400, description=DECIMALS[2]), rounded_to(2)] | None = None
    temperature: Temperature | None = None
    weight: Weight | None = None
    self_measured: bool = True

    @model_validator(mode="after")
    def _in_one_unit(self) -> "VitalsData":
        """The values in the units that they are kept in, and in no other."""
        converted: dict[str, Any] = {}
        if self.temperature is not None:
            converted |= {"temperature": None, "temperature_c": self.temperature.celsius}
        if self.weight is not None:
            converted |= {"weight": None, "weight_kg": self.weight.kilograms}
        if any(value is not None and getattr(self, name) is not None for name, value in converted.items()):
            raise PydanticCustomError("two_units", "a value comes in one unit")
        return self.model_copy(update=converted) if converted else self

    @model_validator(mode="after")
    def _can_be(self) -> "VitalsData":
        refuse_empty(self, "value", beside=("self_measured",))
        if (self.systolic is None) != (self.diastolic is None):
            raise PydanticCustomError("incomplete_blood_pressure", "a blood pressure has both values")
        if self.systolic is not None and self.diastolic is not None and self.systolic <= self.diastolic:
            raise PydanticCustomError("systolic_not_above_diastolic", "systolic must be above diastolic")
        return self


MEASURES = tuple(
    Measure(f"vitals.{name}", label, unit, low, high, "neutral", "other", step=step, cadence_days=None)
    for name, label, unit, low, high, step in (
        ("systolic", "Systolic blood pressure", "mmHg", 40, 300, 1),
        ("diastolic", "Diastolic blood pressure", "mmHg", 20, 200, 1),
        ("heart_rate", "Heart rate", "/min", 20, 300, 1),
        ("respiratory_rate", "Breaths", "/min", 3, 80, 1),
        ("spo2", "Oxygen saturation", "%", 50, 100, 1),
        ("temperature_c", "Temperature", "°C", 30, 45, 0.1),
        ("weight_kg", "Weight", "kg", 20, 400, 0.01),
    )
)


def to_columns(data: VitalsData) -> dict[str, Any]:
    """Return the columns: each value in the one unit that it is kept in."""
    return {name: getattr(data, name) for name in (*SIGNS, "self_measured")}


def observations(data: VitalsData) -> Iterator[tuple[str, float]]:
    """Each vital sign in its own unit."""
    yield from present("vitals", data, *SIGNS)


def line(data: VitalsData) -> str:
    """Return ``128/82 mmHg, heart rate 71 /min``."""
    pressure = "" if data.systolic is None else f"{data.systolic}/{data.diastolic} mmHg"
    others = [
        f"{measure.label.lower()} {number(value, 2)} {measure.unit}"
        for name, measure in zip(SIGNS[2:], MEASURES[2:], strict=True)
        if (value := getattr(data, name)) is not None
    ]
    return joined(pressure, *others)


KIND = Kind(
    name="vitals",
    noun="set of vital signs",
    plural="sets of vital signs",
    label="Vitals",
    model=Vitals,
    payload=VitalsData,
    category=Category.TREATMENT,
    caregivers_write=True,
    to_columns=to_columns,
    measures=MEASURES,
    observations=observations,
    example={
        "systolic": 128,
        "diastolic": 82,
        "heart_rate": 71,
        "respiratory_rate": 14,
        "spo2": 97,
        "temperature_c": 36.8,
        "weight_kg": 81.25,
        "self_measured": False,
    },
    line=line,
)

"""
What each kind of record may hold on the wire: one pydantic model per kind, strict and closed.

Booleans are not integers, number strings are not numbers, unknown fields are refused by name. The scales
are those of the models' constraints; here a person gets a kind message, there the promise is kept.
"""

import re
from collections.abc import Sequence
from datetime import time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from tracker.lib import days
from tracker.lib.strict_model import Id, Instant, StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.records import body_sites, value_sets

_HH_MM = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")
_MOST_REGIONS = len(body_sites.SIDED)
JOURNAL_BYTES = 64 * 1024


def _zone(value: str) -> str:
    try:
        days.zone(value)
    except days.UnknownZoneError:
        raise PydanticCustomError(
            "unknown_time_zone", "must be an IANA time zone, such as Europe/Amsterdam"
        ) from None
    return value


def _quarter_hours(value: float) -> float:
    if (value * 4) % 1:
        raise PydanticCustomError("too_precise", "must be in steps of a quarter of an hour")
    return value


def _thousandths(value: float) -> float:
    if round(value, 3) != value:
        raise PydanticCustomError("too_precise", "must have at most three decimals")
    return value


def _fits(value: str) -> str:
    if len(value.encode()) > JOURNAL_BYTES:
        raise PydanticCustomError("string_too_long", "must be at most 64 KiB of text")
    return value


def _hundredths(value: float) -> float:
    if round(value, 2) != value:
        raise PydanticCustomError("too_precise", "must have at most two decimals")
    return value


def _tenths(value: float) -> float:
    if round(value, 1) != value:
        raise PydanticCustomError("too_precise", "must have at most one decimal")
    return value


def _time_of_day(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and _HH_MM.match(value):
        return time.fromisoformat(value)
    raise PydanticCustomError("not_a_time", "must be a local time, HH:MM")


def code_from(codes: Sequence[str]) -> Any:
    """One of ``codes``. The schema names them all."""
    return Literal[tuple(codes)]


Zone = Annotated[str, Field(max_length=64), STORABLE, AfterValidator(_zone)]
Scale = Annotated[int, Field(ge=0, le=10)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
AnswerKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9/._-]{1,80}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]
Answer = int | float | bool | Annotated[str, Field(max_length=80), STORABLE] | None


class Region(StrictModel):
    """
    Where it hurts. ``side`` is the patient's own side and is always said; ``mid`` for what has no sides.

    ``intensity`` is 0 (none) to 10 (worst imaginable), or left out where the region is only marked.
    """

    code: code_from(dict.fromkeys(sided.partition(".")[0] for sided in body_sites.SIDED))  # type: ignore[valid-type]
    side: Literal["left", "right", "mid"]
    intensity: Scale | None = None

    @model_validator(mode="after")
    def _has_this_side(self) -> "Region":
        if self.sided not in body_sites.SIDED:
            raise PydanticCustomError("invalid_side", "this region has no such side")
        return self

    @property
    def sided(self) -> str:
        return f"{self.code}.{self.side}"


class Pain(StrictModel):
    """Pain now, 0 (none) to 10 (worst imaginable); the rest is optional."""

    intensity: Scale
    worst: Scale | None = None
    least: Scale | None = None
    interference: Scale | None = None
    regions: Annotated[list[Region], Field(min_length=1, max_length=_MOST_REGIONS)] | None = None
    qualities: (
        Annotated[
            list[code_from(value_sets.QUALITIES)],  # type: ignore[valid-type]
            Field(min_length=1, max_length=len(value_sets.QUALITIES)),
        ]
        | None
    ) = None
    trigger: code_from(value_sets.TRIGGERS) | None = None  # type: ignore[valid-type]
    relief: code_from(value_sets.RELIEFS) | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> "Pain":
        marked = [region.sided for region in self.regions or ()]
        if len(set(marked)) < len(marked) or len(set(self.qualities or ())) < len(self.qualities or ()):
            raise PydanticCustomError("duplicate", "a region and a quality are named once")
        return self

    @model_validator(mode="after")
    def _least_up_to_worst(self) -> "Pain":
        if self.least is not None and self.worst is not None and self.least > self.worst:
            raise PydanticCustomError("least_above_worst", "least must not be above worst")
        return self


class Daily(StrictModel):
    """A day's answers: any subset, at least one. Sleep in hours."""

    pain_avg: Scale | None = None
    pain_worst: Scale | None = None
    mood: Scale | None = None
    anxiety: Scale | None = None
    function: Scale | None = None
    sleep_hours: Annotated[float, Field(ge=0, le=24), AfterValidator(_quarter_hours)] | None = None
    sleep_quality: Scale | None = None
    self_harm_thoughts: bool | None = Field(
        default=None,
        description="Thoughts of harming oneself or of being better off dead since the last entry: true means yes.",
    )

    @model_validator(mode="after")
    def _has_an_answer(self) -> "Daily":
        if all(value is None for value in self.__dict__.values()):
            raise PydanticCustomError("empty", "must hold at least one answer")
        return self


class Response(StrictModel):
    """Answers to one version of an instrument, by linkId. ``reported_total`` is kept, never used."""

    instrument: Code
    version: Version
    answers: Annotated[dict[AnswerKey, Answer], Field(max_length=300)]
    status: Literal["draft", "incomplete", "complete", "amended"]
    started_at: Instant | None = None
    finished_at: Instant | None = None
    reported_total: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None


class MedicationUse(StrictModel):
    """A dose taken, skipped, or taken as needed (prn)."""

    medication: Code
    outcome: Literal["taken", "skipped", "prn"]
    dose_value: Annotated[float, Field(ge=0, le=100_000), AfterValidator(_thousandths)] | None = None
    dose_unit: Literal["mg", "mcg", "ml", "tablet", "spray", "patch"] | None = None
    reason: Literal["forgot", "side_effects", "felt_well", "no_supply", "advised", "other"] | None = None

    @model_validator(mode="after")
    def _dose_makes_sense(self) -> "MedicationUse":
        if (self.dose_value is None) != (self.dose_unit is None):
            raise PydanticCustomError("dose_without_unit", "a dose needs both value and unit")
        if self.outcome == "skipped" and self.dose_value is not None:
            raise PydanticCustomError("skipped_with_dose", "a skipped dose has no dose value")
        return self


class Journal(StrictModel):
    """A page of the journal: private unless ``share`` is ``entry``."""

    text: Annotated[str, Field(min_length=1), STORABLE, AfterValidator(_fits)]
    mood: Scale | None = None
    share: Literal["none", "entry"] = "none"


class Practice(StrictModel):
    """Something done for oneself: minutes 0 to 600, helpful 0 (not at all) to 10 (very)."""

    practice: code_from(value_sets.PRACTICES)  # type: ignore[valid-type]
    minutes: Annotated[int, Field(ge=0, le=600)] | None = None
    helpful: Scale | None = None


class Sleep(StrictModel):
    """
    A night, any part of it: instants of lights out and of getting up, hours slept, minutes until asleep,
    awakenings and the minutes they took, quality 0 (very poor) to 10 (very good).
    """

    bed_at: Instant | None = None
    up_at: Instant | None = None
    hours: Annotated[float, Field(ge=0, le=24), AfterValidator(_quarter_hours)] | None = None
    latency_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    awakenings: Annotated[int, Field(ge=0, le=100)] | None = None
    awake_minutes: Annotated[int, Field(ge=0, le=1440)] | None = None
    quality: Scale | None = None

    @model_validator(mode="after")
    def _is_a_night(self) -> "Sleep":
        if all(value is None for value in self.__dict__.values()):
            raise PydanticCustomError("empty", "must hold at least one answer")
        if self.bed_at and self.up_at and not timedelta(0) < self.up_at - self.bed_at <= timedelta(hours=24):
            raise PydanticCustomError(
                "invalid_sleep_interval", "getting up must be within 24 hours after lights out"
            )
        return self


_Effect = code_from(value_sets.EFFECTS)


class SideEffects(StrictModel):
    """Severity by effect: 0 none, 1 mild, 2 moderate, 3 severe. What is left out was not asked."""

    items: Annotated[dict[_Effect, Annotated[int, Field(ge=0, le=3)]], Field(min_length=1)]  # type: ignore[valid-type]
    duration_minutes: (
        Annotated[dict[_Effect, Annotated[int, Field(ge=0, le=43_200)]], Field(min_length=1)] | None  # type: ignore[valid-type]
    ) = None

    @model_validator(mode="after")
    def _lasted_what_was_there(self) -> "SideEffects":
        if set(self.duration_minutes or ()) - set(self.items):
            raise PydanticCustomError(
                "duration_without_effect", "only an effect that is named can have lasted"
            )
        return self


class Vitals(StrictModel):
    """
    Vital signs: blood pressure in mmHg, heart rate and breaths per minute, oxygen saturation in percent,
    temperature in degrees Celsius, weight in kg. ``self_measured`` is true unless staff took them.
    """

    systolic: Annotated[int, Field(ge=40, le=300)] | None = None
    diastolic: Annotated[int, Field(ge=20, le=200)] | None = None
    heart_rate: Annotated[int, Field(ge=20, le=300)] | None = None
    respiratory_rate: Annotated[int, Field(ge=3, le=80)] | None = None
    spo2: Annotated[int, Field(ge=50, le=100)] | None = None
    temperature_c: Annotated[float, Field(ge=30, le=45), AfterValidator(_tenths)] | None = None
    weight_kg: Annotated[float, Field(ge=20, le=400), AfterValidator(_hundredths)] | None = None
    self_measured: bool = True

    @model_validator(mode="after")
    def _can_be(self) -> "Vitals":
        if all(value is None for name, value in self.__dict__.items() if name != "self_measured"):
            raise PydanticCustomError("empty", "must hold at least one value")
        if (self.systolic is None) != (self.diastolic is None):
            raise PydanticCustomError("incomplete_blood_pressure", "a blood pressure has both values")
        if self.systolic is not None and self.diastolic is not None and self.systolic <= self.diastolic:
            raise PydanticCustomError("systolic_not_above_diastolic", "systolic must be above diastolic")
        return self


class Plan(StrictModel):
    """A practice one means to do: times a week (1-70), minutes (1-600), local time to be reminded at (HH:MM)."""

    practice: code_from(value_sets.PRACTICES)  # type: ignore[valid-type]
    per_week: Annotated[int, Field(ge=1, le=70)] | None = None
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    remind_at: Annotated[time, BeforeValidator(_time_of_day)] | None = None
    paused: bool = False


class _Envelope(StrictModel):
    id: Id
    revision: Annotated[int, Field(ge=1, le=2_000_000_000)]
    recorded_at: Instant
    time_zone: Zone
    removed: bool = False
    amendment_reason: (
        Literal["typo", "remembered", "added", "wrong_day", "twice", "not_mine", "asked", "other"] | None
    ) = None

    @model_validator(mode="after")
    def _has_data_unless_removed(self) -> "_Envelope":
        if (getattr(self, "data", None) is None) != self.removed:
            raise PydanticCustomError("data_missing", "data must be there, unless the record is removed")
        return self


class PainRecord(_Envelope):
    kind: Literal["pain"]
    data: Pain | None = None


class DailyRecord(_Envelope):
    kind: Literal["daily"]
    data: Daily | None = None


class ResponseRecord(_Envelope):
    kind: Literal["response"]
    data: Response | None = None


class MedicationUseRecord(_Envelope):
    kind: Literal["medication_use"]
    data: MedicationUse | None = None


class JournalRecord(_Envelope):
    kind: Literal["journal"]
    data: Journal | None = None


class PracticeRecord(_Envelope):
    kind: Literal["practice"]
    data: Practice | None = None


class SleepRecord(_Envelope):
    kind: Literal["sleep"]
    data: Sleep | None = None


class SideEffectsRecord(_Envelope):
    kind: Literal["side_effects"]
    data: SideEffects | None = None


class VitalsRecord(_Envelope):
    kind: Literal["vitals"]
    data: Vitals | None = None


class PlanRecord(_Envelope):
    kind: Literal["plan"]
    data: Plan | None = None


Record = (
    PainRecord
    | DailyRecord
    | ResponseRecord
    | MedicationUseRecord
    | JournalRecord
    | PracticeRecord
    | SleepRecord
    | SideEffectsRecord
    | VitalsRecord
    | PlanRecord
)
RECORD: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="kind")])

"""
Events of a treatment session, as they are sent: what was planned, observed, given and decided. Pure.

A session is what its events say. An event is never changed: another one ``replaces`` it, or retracts it, and both stay.
``at`` is when it happened, by the clock of whoever enters it.
"""

from enum import StrEnum
from functools import cache
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

from pydantic import Field, TypeAdapter, model_validator
from pydantic_core import PydanticCustomError

from tracker.lib import codes
from tracker.lib.codes import LowerCase
from tracker.lib.strict_model import Day, Id, Instant, StrictModel, code_from, rounded_to
from tracker.lib.strict_text import STORABLE, Text
from tracker.records.value_sets import EFFECTS
from tracker.treatment.products import KetamineUnit, RateUnit, Route

MAX_TEXT = 4000
SessionText = Annotated[str, Field(min_length=1, max_length=MAX_TEXT), STORABLE]


class Setting(StrEnum):
    """Where a session takes place."""

    CLINIC = "CLINIC"
    HOME = "HOME"


class GivenAs(StrEnum):
    """Whether a dose is given at once, or is the whole of an infusion."""

    SINGLE = "SINGLE"
    INFUSION = "INFUSION"


class InfusionChange(StrEnum):
    """What is done to an infusion."""

    START = "START"
    RATE = "RATE"
    STOP = "STOP"


class PressureDecision(StrEnum):
    """What is decided on a blood pressure above the clinic's limit before a dose."""

    PROCEED = "PROCEED"
    RECHECK = "RECHECK"
    WITHHOLD = "WITHHOLD"


class DissociationScale(StrEnum):
    """The scale of a dissociation check. Of the CADSS, whose wording is not free, the total alone."""

    SESSION_DISSOCIATION_5 = "SESSION_DISSOCIATION_5"
    CADSS_6 = "CADSS_6"
    CADSS = "CADSS"


HIGHEST_TOTAL = {
    DissociationScale.SESSION_DISSOCIATION_5: 20,
    DissociationScale.CADSS_6: 24,
    DissociationScale.CADSS: 92,
}


class MeasureTaken(StrEnum):
    """What was done about an adverse event."""

    NONE = "NONE"
    OBSERVED = "OBSERVED"
    MEDICATION = "MEDICATION"
    INFUSION_SLOWED = "INFUSION_SLOWED"
    INFUSION_STOPPED = "INFUSION_STOPPED"
    EMERGENCY_SERVICES = "EMERGENCY_SERVICES"
    OTHER = "OTHER"


class StaffRole(StrEnum):
    """What a member of staff does in a session."""

    PRESCRIBER = "PRESCRIBER"
    NURSE = "NURSE"
    MONITOR = "MONITOR"
    THERAPIST = "THERAPIST"
    ANAESTHETIST = "ANAESTHETIST"
    OTHER = "OTHER"


class Presence(StrEnum):
    """Whether a member of staff joins a session or leaves it."""

    JOINED = "JOINED"
    LEFT = "LEFT"


class Escort(StrEnum):
    """Who takes the patient home; at home, the sober adult who stays (the sitter)."""

    ARRANGED = "ARRANGED"
    PRESENT = "PRESENT"
    NONE = "NONE"


class ChecklistItem(StrEnum):
    """Items of the checklists before a dose and before discharge, and medicines taken beside."""

    FASTING = "FASTING"
    NO_CONTRAINDICATION = "NO_CONTRAINDICATION"
    NOT_DRIVING = "NOT_DRIVING"
    SITTER_PRESENT = "SITTER_PRESENT"
    PHONE_AT_HAND = "PHONE_AT_HAND"
    WALKS_STEADILY = "WALKS_STEADILY"
    ORIENTED = "ORIENTED"
    INSTRUCTIONS_GIVEN = "INSTRUCTIONS_GIVEN"
    TOOK_BENZODIAZEPINE = "TOOK_BENZODIAZEPINE"
    TOOK_OTHER_CNS_DEPRESSANT = "TOOK_OTHER_CNS_DEPRESSANT"
    TOOK_PSYCHOSTIMULANT = "TOOK_PSYCHOSTIMULANT"
    TOOK_MAOI = "TOOK_MAOI"


class Discharge(StrEnum):
    """How a session ends: all rules met, against advice, or recorded later without the series of observations."""

    READY = "READY"
    AGAINST_ADVICE = "AGAINST_ADVICE"
    NOT_MONITORED = "NOT_MONITORED"


class Cause(StrEnum):
    """Why a session was cancelled or missed. What was entered in error never took place."""

    PATIENT_UNWELL = "PATIENT_UNWELL"
    PATIENT_CHOICE = "PATIENT_CHOICE"
    BLOOD_PRESSURE = "BLOOD_PRESSURE"
    NO_ESCORT = "NO_ESCORT"
    CLINIC = "CLINIC"
    NO_SHOW = "NO_SHOW"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"
    OTHER = "OTHER"


# The slip of a finger is refused, the unusual is kept and flagged.
WeightKg = Annotated[float, Field(ge=20, le=400), rounded_to(2)]
Amount = Annotated[float, Field(ge=0.001, le=5000), rounded_to(3)]
Rate = Annotated[float, Field(ge=0, le=2000), rounded_to(3)]


class Event(StrictModel):
    """
    One event of a treatment session.

    ``id`` is made by whoever enters it, once: the same event sent again changes nothing. ``replaces`` names the event
    of the same kind that this one corrects. ``text`` says why, and is kept encrypted.
    """

    needs_text: ClassVar[bool] = False

    id: Id
    kind: Text
    at: Instant
    replaces: Id | None = None
    text: SessionText | None = None

    @model_validator(mode="after")
    def _has_its_text(self) -> "Event":
        if self.text is None and self._is_to_be_explained():
            raise PydanticCustomError("reason_missing", "must say why, in text")
        return self

    def _is_to_be_explained(self) -> bool:
        return self.needs_text


class PlanEvent(Event):
    """The session is planned, or planned anew: when, for how long (minutes), by which route, where, which dose."""

    kind: Literal["plan"]
    starts_at: Instant
    minutes: Annotated[int, Field(ge=5, le=10_080)] = 120
    route: Annotated[Route, LowerCase()]
    setting: Annotated[Setting, LowerCase()] = Setting.CLINIC
    planned_amount: Amount | None = None
    planned_unit: Annotated[KetamineUnit, LowerCase()] | None = None

    @model_validator(mode="after")
    def _has_both_of_a_dose(self) -> "PlanEvent":
        if (self.planned_amount is None) != (self.planned_unit is None):
            raise PydanticCustomError("dose_without_unit", "a planned dose has an amount and a unit")
        return self


class CheckInEvent(Event):
    """The patient has arrived; at home: is ready."""

    kind: Literal["check_in"]


class StartEvent(Event):
    """The session begins. The first dose begins it too."""

    kind: Literal["start"]


class WeightEvent(Event):
    """The body weight in kg that doses per kg are counted with, and the day it was measured on."""

    kind: Literal["weight"]
    weight_kg: WeightKg
    measured_on: Day


class DoseEvent(Event):
    """
    A dose as it was given: amount and unit.

    ``given_as`` infusion: the whole of an infusion. ``mg_per_spray`` is the strength of a compounded spray;
    ``hold_minutes`` and ``swallowed`` are of what is held in the mouth.
    """

    kind: Literal["dose"]
    amount: Amount
    unit: Annotated[KetamineUnit, LowerCase()]
    given_as: Annotated[GivenAs, LowerCase()] = GivenAs.SINGLE
    mg_per_spray: Annotated[float, Field(ge=0.1, le=200), rounded_to(3)] | None = None
    hold_minutes: Annotated[int, Field(ge=0, le=120)] | None = None
    swallowed: bool | None = None

    @model_validator(mode="after")
    def _has_the_strength_of_a_spray(self) -> "DoseEvent":
        if (self.unit == KetamineUnit.SPRAY) != (self.mg_per_spray is not None):
            raise PydanticCustomError("dose_without_strength", "sprays, and they alone, have mg_per_spray")
        return self


class InfusionEvent(Event):
    """An infusion is started, changed in its rate (0 pauses it), or stopped."""

    kind: Literal["infusion"]
    change: Annotated[InfusionChange, LowerCase()]
    rate: Rate | None = None
    rate_unit: Annotated[RateUnit, LowerCase()] | None = None

    @model_validator(mode="after")
    def _has_its_rate(self) -> "InfusionEvent":
        if (self.rate is None) != (self.rate_unit is None):
            raise PydanticCustomError("incomplete_rate", "a rate has a number and a unit")
        if (self.change == InfusionChange.RATE) and self.rate is None:
            raise PydanticCustomError("incomplete_rate", "a change of rate has a rate")
        if (self.change == InfusionChange.STOP) and self.rate is not None:
            raise PydanticCustomError("incomplete_rate", "what is stopped has no rate")
        return self


SIGNS = ("systolic", "diastolic", "heart_rate", "respiratory_rate", "spo2", "temperature_c")


class VitalSignsEvent(Event):
    """Vital signs: mmHg, per minute, percent, degrees Celsius. At least one; a blood pressure has both values."""

    kind: Literal["vitals"]
    systolic: Annotated[int, Field(ge=40, le=300)] | None = None
    diastolic: Annotated[int, Field(ge=20, le=200)] | None = None
    heart_rate: Annotated[int, Field(ge=20, le=300)] | None = None
    respiratory_rate: Annotated[int, Field(ge=3, le=80)] | None = None
    spo2: Annotated[int, Field(ge=50, le=100)] | None = None
    temperature_c: Annotated[float, Field(ge=30, le=45), rounded_to(1)] | None = None

    @model_validator(mode="after")
    def _has_a_sign(self) -> "VitalSignsEvent":
        if all(getattr(self, name) is None for name in SIGNS):
            raise PydanticCustomError("empty", "must hold at least one vital sign")
        if (self.systolic is None) != (self.diastolic is None):
            raise PydanticCustomError("incomplete_blood_pressure", "a blood pressure has both values")
        if self.systolic is not None and self.diastolic is not None and self.systolic <= self.diastolic:
            raise PydanticCustomError(
                "systolic_not_above_diastolic", "the systolic value is above the diastolic one"
            )
        return self


class PressureDecisionEvent(Event):
    """What was decided on a blood pressure above the limit before a dose, and by whom if not by who enters it."""

    kind: Literal["pressure_decision"]
    decision: Annotated[PressureDecision, LowerCase()]
    decided_by: Id | None = None

    def _is_to_be_explained(self) -> bool:
        return self.decision == PressureDecision.PROCEED


Answer = Annotated[int, Field(ge=0, le=4)]


class DissociationEvent(Event):
    """
    A dissociation check: the five answers of the project's own check (0 not at all to 4 extremely), or, where the
    clinic has a licence for the CADSS, its total (CADSS-6 0 to 24, CADSS 0 to 92).

    The project's own check is not a validated scale.
    """

    kind: Literal["dissociation"]
    scale: Annotated[DissociationScale, LowerCase()] = DissociationScale.SESSION_DISSOCIATION_5
    answers: Annotated[list[Answer], Field(min_length=5, max_length=5)] | None = None
    total: Annotated[int, Field(ge=0, le=92)] | None = None

    @model_validator(mode="after")
    def _has_answers_or_total(self) -> "DissociationEvent":
        by_answers = self.scale == DissociationScale.SESSION_DISSOCIATION_5
        if by_answers == (self.answers is None) or by_answers != (self.total is None):
            raise PydanticCustomError(
                "answers_or_total", "the project's check has five answers, the CADSS its total"
            )
        if self.sum > HIGHEST_TOTAL[self.scale]:
            raise PydanticCustomError("out_of_range", "is above the highest total of the scale")
        return self

    @property
    def sum(self) -> int:
        """The total of the scale."""
        return self.total if self.total is not None else sum(self.answers or ())


class SedationEvent(Event):
    """The Modified Observer's Assessment of Alertness/Sedation: 5 awake to 0 unresponsive (Chernik 1990)."""

    kind: Literal["sedation"]
    moaas: Annotated[int, Field(ge=0, le=5)]


class AdverseEventEvent(Event):
    """An adverse event: which, how severe (1 mild, 2 moderate, 3 severe), serious or not, what was done."""

    kind: Literal["adverse_event"]
    effect: code_from("AdverseEventEffect", EFFECTS)  # type: ignore[valid-type]
    severity: Annotated[int, Field(ge=1, le=3)]
    serious: bool = False
    measure_taken: Annotated[MeasureTaken, LowerCase()] | None = None


class AdverseEventEndEvent(Event):
    """An adverse event is over."""

    kind: Literal["adverse_event_end"]
    target: Id


class StaffEvent(Event):
    """A member of staff joins the session, or leaves it."""

    kind: Literal["staff"]
    staff_member: Id
    staff_role: Annotated[StaffRole, LowerCase()] = StaffRole.OTHER
    presence: Annotated[Presence, LowerCase()] = Presence.JOINED


class EscortEvent(Event):
    """Who takes the patient home, or at home: who stays with them."""

    kind: Literal["escort"]
    escort: Annotated[Escort, LowerCase()]


class ChecklistEvent(Event):
    """One item of a checklist, met or not."""

    kind: Literal["checklist"]
    item: Annotated[ChecklistItem, LowerCase()]
    is_met: bool


class NoteEvent(Event):
    """A note, kept encrypted."""

    needs_text: ClassVar[bool] = True

    kind: Literal["note"]


class CompleteEvent(Event):
    """The patient leaves, and the session is closed."""

    kind: Literal["complete"]
    discharge: Annotated[Discharge, LowerCase()] = Discharge.READY

    def _is_to_be_explained(self) -> bool:
        return self.discharge != Discharge.READY


class CancelEvent(Event):
    """The session does not take place, or was entered in error."""

    kind: Literal["cancel"]
    cause: Annotated[Cause, LowerCase()]


class MissEvent(Event):
    """The patient did not come."""

    kind: Literal["miss"]
    cause: Annotated[Cause, LowerCase()] = Cause.NO_SHOW


class ReopenEvent(Event):
    """A session that was closed is open again, to be completed or put right."""

    needs_text: ClassVar[bool] = True

    kind: Literal["reopen"]


class RetractEvent(Event):
    """An observation was entered in error, and counts no more; it stays in the history."""

    needs_text: ClassVar[bool] = True

    kind: Literal["retract"]
    target: Id


class FormSubmittedEvent(Event):
    """The esketamine monitoring form was handed in to the programme that asks for it."""

    kind: Literal["form_submitted"]


AnyEvent = Annotated[
    PlanEvent
    | CheckInEvent
    | StartEvent
    | WeightEvent
    | DoseEvent
    | InfusionEvent
    | VitalSignsEvent
    | PressureDecisionEvent
    | DissociationEvent
    | SedationEvent
    | AdverseEventEvent
    | AdverseEventEndEvent
    | StaffEvent
    | EscortEvent
    | ChecklistEvent
    | NoteEvent
    | CompleteEvent
    | CancelEvent
    | MissEvent
    | ReopenEvent
    | RetractEvent
    | FormSubmittedEvent,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[Any] = TypeAdapter(AnyEvent)


def _kinds() -> dict[str, type[Event]]:
    return {cls.model_fields["kind"].annotation.__args__[0]: cls for cls in Event.__subclasses__()}  # type: ignore[union-attr]


# By the code of the wire.
KINDS: dict[str, type[Event]] = _kinds()
_ENVELOPE = frozenset(Event.model_fields)
# What changes where a session stands; a mistake is put right by the next change, not retracted.
CHANGES_OF_STATE = frozenset({"plan", "check_in", "start", "complete", "cancel", "miss", "reopen"})
NOT_RETRACTED = CHANGES_OF_STATE | {"retract"}


def fields_of(kind: str) -> tuple[str, ...]:
    """Return the names of what an event of this kind says beside the envelope."""
    return tuple(name for name in KINDS[kind].model_fields if name not in _ENVELOPE)


def parse(body: Any) -> Event:
    """
    Read one event.

    :raises pydantic.ValidationError: if it is none; its errors name the fields.
    """
    event: Event = EVENT.validate_python(body)
    return event


@cache
def codes_of(kind: str) -> dict[str, type[StrEnum]]:
    """Return by field the codes of those fields of a kind that are codes."""
    found = {}
    for name in fields_of(kind):
        annotation = KINDS[kind].model_fields[name].annotation
        for option in (annotation, *get_args(annotation)):
            # Of an optional field the annotation of the code stands within the union.
            each = get_args(option)[0] if get_origin(option) is Annotated else option
            if isinstance(each, type) and issubclass(each, StrEnum):
                found[name] = each
    return found


_KEYS = {"staff_member": "staff_member_id", "decided_by": "decided_by_id"}


def column(name: str) -> str:
    """Return the column that a field of an event is kept in."""
    return _KEYS.get(name, name)


def other_columns() -> dict[str, list[str]]:
    """Return by kind the columns of the other kinds, which are empty in an event of it."""
    every = {name for kind in KINDS for name in fields_of(kind)}
    return {kind: sorted(map(column, every - set(fields_of(kind)))) for kind in KINDS}


def required_columns() -> dict[str, list[str]]:
    """Return by kind the columns that are never empty in an event of it."""
    return {
        kind: [column(name) for name in fields_of(kind) if model.model_fields[name].default is not None]
        for kind, model in KINDS.items()
    }


def to_wire(event: Event, *, with_text: bool = True) -> dict[str, Any]:
    """Return an event as it is sent: codes in lower case, nothing that is not set."""
    values = {name: getattr(event, name) for name in type(event).model_fields}
    return {
        name: _wire(value)
        for name, value in values.items()
        if value is not None and (with_text or name != "text")
    }


def _wire(value: Any) -> Any:
    if isinstance(value, StrEnum):
        return codes.to_wire(value)
    return value

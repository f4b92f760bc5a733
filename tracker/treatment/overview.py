"""
Overview of a treatment session: what follows from its events, as the API, the page and ``session_check`` show it. Pure.

Amounts are rounded for display only: mg to 2 decimals, mg per kg to 3. What is not known is null, never 0.
"""

from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from tracker.lib import codes
from tracker.lib.codes import LowerCase
from tracker.treatment import discharge, esketamine_form, events, flags, monitoring, products
from tracker.treatment.discharge import Missing
from tracker.treatment.esketamine_form import FormField
from tracker.treatment.events import Escort
from tracker.treatment.flags import Flag
from tracker.treatment.limits import Limits
from tracker.treatment.monitoring import DueStatus, Point, Pressure
from tracker.treatment.products import KetamineUnit, Product, Route
from tracker.treatment.session_state import SessionState, State

__all__ = ["Overview", "of_session"]

_MG = Field(description="null where a weight or a strength that it needs is not known")


class DoseGiven(BaseModel):
    """A dose as it was entered, with its mg and mg per kg."""

    event: UUID
    at: datetime
    amount: float
    unit: Annotated[KetamineUnit, LowerCase()]
    mg: Annotated[float | None, _MG]
    mg_per_kg: Annotated[float | None, _MG]
    weight_kg: float | None
    weight_measured_on: date | None


class InfusionGiven(BaseModel):
    """An infusion, and what its rates come to until now, if rates were entered."""

    started_at: datetime
    stopped_at: datetime | None
    mg: Annotated[float | None, _MG]


class ObservationDue(BaseModel):
    """Vital signs that are due, or the closing of a session at home; ``minutes`` after the dose."""

    point: Annotated[Point, LowerCase()]
    due_at: datetime
    status: Annotated[DueStatus, LowerCase()]
    minutes: int | None


class DischargeReadiness(BaseModel):
    """Whether the patient may leave by the clinic's rules; a clinician decides."""

    is_ready: bool
    missing: list[Annotated[Missing, LowerCase()]]
    earliest_at: datetime | None


class SessionFlag(BaseModel):
    """What is unusual, and the event that it is about, if one is."""

    code: Annotated[Flag, LowerCase()]
    event: UUID | None


class SessionAdverseEvent(BaseModel):
    """An adverse event: severity 1 mild, 2 moderate, 3 severe; ``ended_at`` is null while it goes on."""

    event: UUID
    at: datetime
    effect: str
    severity: int
    serious: bool
    ended_at: datetime | None


class StaffPresent(BaseModel):
    """Somebody who has joined the session and not left."""

    staff_member: UUID
    role: Annotated[events.StaffRole, LowerCase()]


class EsketamineForm(BaseModel):
    """The esketamine monitoring form: what it lacks, by when it is due, when it was handed in."""

    is_complete: bool
    missing: list[Annotated[FormField, LowerCase()]]
    observed_minutes: int | None
    due_at: datetime | None
    submitted_at: datetime | None


class Overview(BaseModel):
    """What follows from the events of a treatment session at the moment."""

    state: Annotated[State, LowerCase()]
    is_in_error: bool
    route: Annotated[Route, LowerCase()]
    product: Annotated[Product, LowerCase()]
    setting: Annotated[events.Setting, LowerCase()]
    starts_at: datetime
    ends_at: datetime
    planned_amount: float | None
    planned_unit: Annotated[KetamineUnit, LowerCase()] | None
    checked_in_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    first_dosed_at: datetime | None
    last_dosed_at: datetime | None
    doses: list[DoseGiven]
    infusions: list[InfusionGiven]
    infusion_runs: bool
    total_mg: Annotated[float | None, _MG]
    mg_per_kg: Annotated[float | None, _MG]
    weight_kg: float | None
    pressure_before_dose: Annotated[Pressure, LowerCase()] = Field(
        description="as far as it is known: before the first dose, or now if none was given"
    )
    due: list[ObservationDue]
    discharge: DischargeReadiness
    capacity_ends_at: datetime | None = Field(description="until then answers to questionnaires do not count")
    close_due_at: datetime | None = Field(description="by when a session at home is to be closed")
    adverse_events: list[SessionAdverseEvent]
    escort: Annotated[Escort, LowerCase()] | None
    checklist: dict[str, bool]
    staff: list[StaffPresent]
    flags: list[SessionFlag]
    monitoring_form: EsketamineForm | None


def of_session(session: SessionState, clinic: Limits, at: datetime) -> Overview:
    """Return the overview of a session at ``at`` by the clinic's limits."""
    plan, form = session.plan, esketamine_form.monitoring_form(session)
    ready = discharge.readiness(session, clinic, at)
    weight = session.weight_at(at)
    return Overview.model_construct(
        state=session.state,
        is_in_error=session.is_in_error,
        route=session.route,
        product=session.product,
        setting=plan.setting,
        starts_at=plan.starts_at,
        ends_at=plan.starts_at + timedelta(minutes=plan.minutes),
        planned_amount=plan.planned_amount,
        planned_unit=plan.planned_unit,
        checked_in_at=session.checked_in_at,
        started_at=session.started_at,
        ended_at=session.ended_at,
        first_dosed_at=session.first_dosed_at,
        last_dosed_at=session.last_dosed_at,
        doses=[_dose(given) for given in session.doses],
        infusions=[
            InfusionGiven.model_construct(
                started_at=each.started_at, stopped_at=each.stopped_at, mg=_rounded(each.mg_until(at), 2)
            )
            for each in session.infusions
        ],
        infusion_runs=session.infusion_runs,
        total_mg=_rounded(session.total_mg(at), 2),
        mg_per_kg=_rounded(session.mg_per_kg(at), 3),
        weight_kg=None if weight is None else weight.weight_kg,
        pressure_before_dose=monitoring.pressure_before_dose(session, clinic, session.first_dosed_at or at),
        due=[
            ObservationDue.model_construct(
                point=each.point, due_at=each.due_at, status=each.status, minutes=each.minutes
            )
            for each in monitoring.observations_due(session, clinic, at)
        ],
        discharge=DischargeReadiness.model_construct(
            is_ready=ready.is_ready, missing=list(ready.missing), earliest_at=ready.earliest_at
        ),
        capacity_ends_at=monitoring.capacity_ends_at(session, clinic),
        close_due_at=monitoring.close_due_at(session, clinic) if session.is_at_home else None,
        adverse_events=[
            SessionAdverseEvent.model_construct(
                event=event.id,
                at=entry.occurred_at,
                effect=event.effect,
                severity=event.severity,
                serious=event.serious,
                ended_at=ended_at,
            )
            for entry, event, ended_at in session.adverse_events()
        ],
        escort=session.escort,
        checklist={codes.to_wire(item): is_met for item, is_met in session.checklist.items()},
        staff=[
            StaffPresent.model_construct(staff_member=member, role=role)
            for member, role in session.staff_present.items()
        ],
        flags=[
            SessionFlag.model_construct(code=flag, event=None if event is None else UUID(event))
            for flag, event in flags.of_session(session, clinic, at)
        ],
        monitoring_form=None if form is None else _form(form),
    )


def _dose(given: Any) -> DoseGiven:
    return DoseGiven.model_construct(
        event=given.dose.id,
        at=given.at,
        amount=given.dose.amount,
        unit=given.dose.unit,
        mg=_rounded(given.mg, 2),
        mg_per_kg=_rounded(given.mg_per_kg, 3),
        weight_kg=None if given.weight is None else given.weight.weight_kg,
        weight_measured_on=None if given.weight is None else given.weight.measured_on,
    )


def _form(form: esketamine_form.MonitoringForm) -> EsketamineForm:
    observed = None if form.observed is None else form.observed // timedelta(minutes=1)
    return EsketamineForm.model_construct(
        is_complete=form.is_complete,
        missing=list(form.missing),
        observed_minutes=observed,
        due_at=form.due_at,
        submitted_at=form.submitted_at,
    )


def _rounded(value: Decimal | None, places: int) -> float | None:
    return None if value is None else float(products.rounded(value, places))


def to_wire(value: Any) -> Any:
    """Return an overview, or a part of it, as JSON has it: codes in lower case."""
    if isinstance(value, BaseModel):
        return {name: to_wire(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, list):
        return [to_wire(each) for each in value]
    if isinstance(value, StrEnum):
        return codes.to_wire(value)
    return value

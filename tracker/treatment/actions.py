"""Planning treatment sessions, and taking in their events: the only writers."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import orjson
from django.db import IntegrityError, transaction

from tracker.access.principal import Principal
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, StaffMember
from tracker.keys import data_keys
from tracker.lib import days, encryption, rls
from tracker.records import actions as records
from tracker.records import change_counter
from tracker.treatment import acceptance, events, limit_settings, monitoring, products, store
from tracker.treatment.acceptance import Refusal
from tracker.treatment.events import Event, PlanEvent
from tracker.treatment.limits import Limits
from tracker.treatment.models import SessionEvent, SessionText, TreatmentSession
from tracker.treatment.products import KetamineUnit, Route
from tracker.treatment.session_state import IN_PROGRESS, PATIENT, Entry, SessionState, State, derive

MAX_EVENTS = 100
# Of a session that was recorded afterwards, how long it took is not asked.
PAST_MINUTES = 60
# A clinician's hand makes a few dozen. What closes a session, or was given, is taken beyond these.
MAX_EVENTS_OF_SESSION = 2_000
MAX_EVENTS_BY_PATIENT = 500
_RESERVE = 500
_ALWAYS = events.CHANGES_OF_STATE | {"dose", "infusion", "retract"}
# They keep no other session from being planned for their time.
_FREE = (State.CANCELLED, State.MISSED)
# What can only be a row of slips is not stored as a total; its events stand as they were entered.
MOST_TOTAL_MG = 100_000


class RefusedEvent(Exception):
    """An event cannot be taken; ``refusal`` says why."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one event: stored, replayed (it was here before), or rejected."""

    event_id: UUID
    refusal: Refusal | None = None
    was_known: bool = False


def fingerprint(event: Event) -> bytes:
    """Return 32 bytes that are the same for the same content of an event."""
    return hashlib.sha256(orjson.dumps(events.to_wire(event), option=orjson.OPT_SORT_KEYS)).digest()


@transaction.atomic
def plan_session(
    *,
    principal: Principal,
    patient: Patient,
    session_id: UUID,
    plan: PlanEvent,
    sent_at: datetime,
    at: datetime,
) -> tuple[TreatmentSession, bool]:
    """
    Plan a treatment session; return it, and whether it is new: the same plan sent again changes nothing.

    :raises RefusedEvent: if it cannot be planned so; another plan with this id, or another session then.
    """
    _lock(patient)
    known = SessionEvent.objects.filter(session_id=session_id, place=1, patient=patient).first()
    if known is not None:
        if bytes(known.fingerprint) == fingerprint(plan):
            return TreatmentSession.objects.get(pk=session_id), False
        raise RefusedEvent(Refusal("id_reused", "id"))
    refusal = acceptance.refused_plan(plan) or _overlap(patient, session_id, plan)
    if refusal is not None:
        raise RefusedEvent(refusal)
    entry = _entry(principal, plan, sent_at, at)
    session = TreatmentSession(
        id=session_id, clinic_id=patient.clinic_id, patient=patient, time_zone=patient.time_zone,
        planned_by_id=principal.user_id, planned_at=at,
    )  # fmt: skip
    clinic = limit_settings.of_clinic(patient.clinic_id)
    sequence = _next_change(patient)
    try:
        with transaction.atomic():
            _save(session, derive([entry]), clinic, at, sequence=sequence, force_insert=True)
    except IntegrityError as problem:
        # Another patient's session has this id: they are made at random, so only a mistake makes one twice.
        if "treatmentsession_pkey" in str(problem):
            raise RefusedEvent(Refusal("id_reused", "id")) from None
        raise
    _write_event(principal, session, entry, place=1)
    principal.audit("session.plan", str(session), patient_id=patient.pk, at=at)
    return session, True


@transaction.atomic
def add_events(
    *,
    principal: Principal,
    session_id: UUID,
    patient: Patient,
    sent: Sequence[Event],
    sent_at: datetime,
    at: datetime,
) -> tuple[TreatmentSession, SessionState, list[Outcome]]:
    """
    Take in events of a session, in their order; return the session, its state, and what became of each.

    Each is stored, or known from before, or refused; what is refused hinders no other. ``sent_at`` is the instant of
    sending by the clock of the device: where it differs from ours, so do the times of the events, and they are
    corrected. One patient's sessions are written one at a time, so that of two people who write at once both are there.

    :raises NotFoundOrHidden: if the patient has no such session.
    """
    _lock(patient)
    session = TreatmentSession.objects.filter(pk=session_id, patient=patient).first()
    if session is None:
        raise NotFoundOrHidden
    clinic = limit_settings.of_clinic(patient.clinic_id)
    entries = store.entries(session)
    known = dict(
        SessionEvent.objects.filter(session=session, patient=patient).values_list("id", "fingerprint")
    )
    state, outcomes = derive(entries), []
    for event in sent:
        if event.id in known:
            same = bytes(known[event.id]) == fingerprint(event)
            outcomes.append(Outcome(event.id, None if same else Refusal("id_reused", "id"), was_known=same))
            continue
        entry = _entry(principal, event, sent_at, at)
        refusal = _refusal(principal, patient, session, state, entry, clinic)
        outcomes.append(Outcome(event.id, refusal))
        if refusal is None:
            entries = [*entries, entry]
            state = derive(entries)
            known[event.id] = fingerprint(event)
            _write_event(principal, session, entry, place=len(entries))
    if len(entries) > session.revision:
        _save(session, state, clinic, at, sequence=_next_change(patient))
        _set_dosing(patient, session, state, clinic)
        kinds = sorted({outcome_event.kind for outcome_event in sent})
        principal.audit("session.record", str(session), patient_id=patient.pk, at=at, detail={"kinds": kinds})
    return session, state, outcomes


class InTheFuture(Exception):
    """A session is recorded as past once it has begun."""


class AlreadyRecorded(Exception):
    """The patient has a treatment session at that time already."""


@transaction.atomic
def record_past_session(
    *,
    principal: Principal,
    patient: Patient,
    starts_at: datetime,
    route: Route,
    dose_mg: Decimal,
    at: datetime,
    minutes: int = PAST_MINUTES,
) -> TreatmentSession:
    """
    Record a session that has taken place and of which no more is known than route and dose: it is closed, not
    monitored.

    :raises InTheFuture: if ``starts_at`` is later than ``at``.
    :raises AlreadyRecorded: if the patient has a session then: a form that is sent twice.
    :raises RefusedEvent: if the dose cannot be.
    """
    if starts_at > at:
        raise InTheFuture
    # One that was cancelled as an error does not stand in the way of the right one.
    in_error = TreatmentSession.objects.filter(patient=patient, starts_at=starts_at, is_in_error=True).count()
    session_id = uuid5(patient.pk, f"{starts_at.isoformat()} {in_error}")

    def envelope(kind: str, moment: datetime) -> dict[str, Any]:
        return {"id": uuid5(session_id, kind), "kind": kind, "at": moment}

    plan = PlanEvent(**envelope("plan", starts_at), starts_at=starts_at, minutes=minutes, route=route)
    try:
        session, is_new = plan_session(
            principal=principal, patient=patient, session_id=session_id, plan=plan, sent_at=at, at=at
        )
    except RefusedEvent as refused:
        if refused.refusal.code == "session_overlaps":
            raise AlreadyRecorded from None
        raise
    if not is_new:
        raise AlreadyRecorded
    ended_at = min(_ends_at(plan), at)
    sent = [
        events.DoseEvent(**envelope("dose", starts_at), amount=float(dose_mg), unit=KetamineUnit.MG),
        events.CompleteEvent(
            **envelope("complete", ended_at),
            discharge=events.Discharge.NOT_MONITORED,
            text="Recorded afterwards.",
        ),
    ]
    session, _, outcomes = add_events(
        principal=principal, session_id=session_id, patient=patient, sent=sent, sent_at=at, at=at
    )
    for outcome in outcomes:
        if outcome.refusal is not None:
            raise RefusedEvent(outcome.refusal)
    return session


def _lock(patient: Patient) -> None:
    """Lock the patient's changes until the transaction ends."""
    with rls.as_patient(patient.clinic_id, patient.pk):
        change_counter.advance(patient.clinic_id, patient.pk, 0)


def _next_change(patient: Patient) -> int:
    with rls.as_patient(patient.clinic_id, patient.pk):
        return change_counter.advance(patient.clinic_id, patient.pk, 1).sequence


def _entry(principal: Principal, event: Event, sent_at: datetime, at: datetime) -> Entry:
    """The event at the instant that it happened by our clock: never later than we heard of it."""
    offset = at - sent_at if abs(at - sent_at) > monitoring.CLOCK_TOLERANCE else timedelta(0)
    occurred_at = min(event.at + offset, at)
    by = str(principal.staff_id) if principal.staff_id else PATIENT
    return Entry(event, occurred_at, at, by, occurred_at - event.at)


def _refusal(
    principal: Principal,
    patient: Patient,
    session: TreatmentSession,
    state: SessionState,
    entry: Entry,
    clinic: Limits,
) -> Refusal | None:
    event = entry.event
    if len(state.entries) >= _most_events(event, is_patient=principal.is_patient):
        return Refusal("session_full")
    refusal = acceptance.refusal(
        state, event, clinic, occurred_at=entry.occurred_at, is_patient=principal.is_patient
    )
    if refusal is None and isinstance(event, PlanEvent):
        refusal = _overlap(patient, session.pk, event)
    if refusal is None:
        refusal = _unknown_staff(event)
    if refusal is None:
        after = derive([*state.entries, entry])
        refusal = acceptance.contradiction(state, after, event)
        if refusal is None and state.state in _FREE and after.state not in _FREE:
            # What was missed or cancelled takes its time again, in which another may have been planned since.
            refusal = _overlap(patient, session.pk, after.plan)
        begins = after.state in IN_PROGRESS and state.state not in IN_PROGRESS
        others = TreatmentSession.objects.in_progress().filter(patient=patient).exclude(pk=session.pk)
        if refusal is None and begins and others.exists():
            refusal = Refusal("session_in_progress", "kind")
    return refusal


def _most_events(event: Event, *, is_patient: bool) -> int:
    """Return how many events a session may have before this one."""
    if is_patient:
        return MAX_EVENTS_BY_PATIENT
    return MAX_EVENTS_OF_SESSION + (_RESERVE if event.kind in _ALWAYS else 0)


def _overlap(patient: Patient, session_id: UUID, plan: PlanEvent) -> Refusal | None:
    """The database keeps this too (``session_patient_is_free``); under the lock it is asked in time."""
    others = TreatmentSession.objects.filter(
        patient=patient, starts_at__lt=_ends_at(plan), ends_at__gt=plan.starts_at
    ).exclude(state__in=_FREE)
    return Refusal("session_overlaps", "starts_at") if others.exclude(pk=session_id).exists() else None


def _ends_at(plan: PlanEvent) -> datetime:
    return plan.starts_at + timedelta(minutes=plan.minutes)


def _unknown_staff(event: Event) -> Refusal | None:
    for name in ("staff_member", "decided_by"):
        staff_id = getattr(event, name, None)
        if staff_id is not None and not StaffMember.objects.filter(pk=staff_id).exists():
            return Refusal("unknown_staff_member", name)
    return None


def _write_event(principal: Principal, session: TreatmentSession, entry: Entry, *, place: int) -> None:
    event = entry.event
    SessionEvent.objects.create(
        clinic_id=session.clinic_id, patient_id=session.patient_id, session_id=session.pk, id=event.id, place=place,
        kind=event.kind, recorded_at=event.at, occurred_at=entry.occurred_at, received_at=entry.received_at,
        recorded_by_id=principal.user_id, staff_id=principal.staff_id, device_id=principal.device_id,
        fingerprint=fingerprint(event), replaces=event.replaces,
        **{events.column(name): getattr(event, name) for name in events.fields_of(event.kind)},
    )  # fmt: skip
    if event.text is not None:
        _write_text(session, event.id, event.text, entry.received_at)


def _write_text(session: TreatmentSession, event_id: UUID, text: str, at: datetime) -> None:
    key_id, key = data_keys.data_key_for(session.clinic_id, session.patient_id, at)
    bound = SessionText.associated_data((session.pk, event_id), session.patient_id, key_id)
    SessionText.objects.create(
        clinic_id=session.clinic_id, patient_id=session.patient_id, session_id=session.pk, event_id=event_id,
        key_id=key_id, ciphertext=encryption.encrypt(key, text.encode(), bound),
    )  # fmt: skip


def _save(
    session: TreatmentSession,
    state: SessionState,
    clinic: Limits,
    at: datetime,
    *,
    sequence: int,
    force_insert: bool = False,
) -> None:
    derived = columns(state, session.time_zone, clinic, at) | {"sequence": sequence}
    for name, value in derived.items():
        setattr(session, name, value)
    if force_insert:
        session.save(force_insert=True)
    else:
        TreatmentSession.objects.filter(pk=session.pk).update(**derived)


def columns(state: SessionState, time_zone: str, clinic: Limits, at: datetime) -> dict[str, Any]:
    """Return the columns of a session that follow from its events."""
    total = state.total_mg(at) if state.is_dosed and not state.infusion_runs else None
    if total is not None and total > MOST_TOTAL_MG:
        total = None
    per_kg = state.mg_per_kg(at) if total is not None else None
    first = state.first_dosed_at
    return {
        "state": state.state,
        "is_in_error": state.is_in_error,
        "setting": state.plan.setting,
        "route": state.route,
        "product": state.product,
        "starts_at": state.plan.starts_at,
        "ends_at": _ends_at(state.plan),
        "local_date": days.local_day(first or state.plan.starts_at, time_zone),
        "started_at": state.started_at,
        "ended_at": state.ended_at,
        "first_dosed_at": first,
        "last_dosed_at": state.last_dosed_at,
        "total_mg": None if total is None else products.rounded(total, 3),
        "mg_per_kg": None if per_kg is None else products.rounded(per_kg, 4),
        "close_due_at": monitoring.close_due_at(state, clinic) if state.is_at_home else None,
        "revision": len(state.entries),
    }


def _set_dosing(patient: Patient, session: TreatmentSession, state: SessionState, clinic: Limits) -> None:
    with rls.as_patient(patient.clinic_id, patient.pk):
        records.set_dosing(
            clinic_id=patient.clinic_id,
            patient_id=patient.pk,
            session_id=session.pk,
            dosing=dosing(state, session.local_date, clinic),
        )


def dosing(state: SessionState, local_date: Any, clinic: Limits) -> records.Dosing | None:
    """Return what other records need to know of the session's doses; None if none counts."""
    first, ends_at = state.first_dosed_at, monitoring.capacity_ends_at(state, clinic)
    if not state.counts or first is None or ends_at is None:
        return None
    return records.Dosing(first, local_date, ends_at)

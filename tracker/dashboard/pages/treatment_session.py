"""The page of a treatment session: where it stands, what is due, what was entered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tracker.access import policy
from tracker.access.principal import Principal
from tracker.clinics.models import Patient, StaffMember
from tracker.dashboard import formatting, session_text
from tracker.dashboard.session_text import STATUS_WORDS, words
from tracker.lib import days
from tracker.lib.formatting import number
from tracker.records.value_sets import EFFECTS
from tracker.treatment import events, limit_settings, overview, products, session_list, store
from tracker.treatment.esketamine_form import MEDICINES_BESIDE
from tracker.treatment.flags import Flag
from tracker.treatment.models import TreatmentSession
from tracker.treatment.products import Route
from tracker.treatment.session_state import CLOSED, Entry, SessionState, State, derive

# Flags that say how an entry came, and stand beside it; all others stand above.
_OF_ENTRIES = frozenset({Flag.ENTERED_LATE, Flag.AFTER_CLOSING, Flag.CLOCK_CORRECTED})


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the timeline. ``status`` says that it was corrected or retracted."""

    id: str
    kind: str
    day: str
    time: str
    minute: str
    what: str
    text: str
    by: str
    status: str
    notes: str
    can_retract: bool


@dataclass(frozen=True, slots=True)
class DueLine:
    """What is due, when, and where it stands."""

    time: str
    what: str
    status: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Live:
    """What changes while a session runs: asked for anew while the page is open."""

    session: TreatmentSession
    state: str
    state_code: str
    is_open: bool
    is_closed: bool
    is_at_home: bool
    is_esketamine: bool
    now: datetime
    offset_minutes: int
    first_dosed_at: datetime | None
    since: str
    next_due: DueLine | None
    due: Sequence[DueLine]
    pressure: str
    pressure_needs_decision: bool
    dose: str
    infusion_runs: bool
    is_dosed: bool
    earliest: str
    is_ready: bool
    missing: Sequence[str]
    flags: Sequence[str]
    lines: Sequence[Line]
    pressed: str
    form_missing: Sequence[str] | None
    form_due: str
    form_submitted: bool
    open_events: Sequence[tuple[str, str]]
    capacity: str
    plan: str
    steps: Sequence[tuple[str, str]]
    planned: events.PlanEvent


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str


def live(session: TreatmentSession, patient: Patient, at: datetime) -> Live:
    """Return what follows from a session's events: four queries, however many there are."""
    rows = list(store.rows_of(session))
    state = derive(store.entries_of(rows))
    texts = store.texts(session)
    clinic = limit_settings.of_clinic(patient.clinic_id)
    shown = overview.of_session(state, clinic, at)
    zone = session.time_zone

    def clock(moment: datetime | None) -> str:
        return "" if moment is None else days.local(moment, zone).strftime("%H:%M")

    staff = dict(StaffMember.objects.filter(clinic_id=patient.clinic_id).values_list("pk", "name"))
    names = {str(key): name for key, name in staff.items()}
    due = [
        DueLine(clock(each.due_at), session_text.due(each.point, each.minutes), STATUS_WORDS[each.status],
                each.status.lower(), each.due_at)
        for each in shown.due
    ]  # fmt: skip
    waiting = [each for each in due if each.code in ("overdue", "due", "planned")]
    noted = _notes(shown)
    form = shown.monitoring_form
    return Live(
        session=session,
        state=words(state.state),
        state_code=state.state.lower(),
        is_open=state.state not in CLOSED,
        is_closed=state.state in CLOSED,
        is_at_home=state.is_at_home,
        is_esketamine=state.product == products.Product.ESKETAMINE,
        now=at,
        offset_minutes=days.offset_minutes(days.local(at, zone)) or 0,
        first_dosed_at=shown.first_dosed_at,
        since=_span(shown.first_dosed_at, shown.ended_at or at),
        next_due=waiting[0] if waiting and state.state not in CLOSED else None,
        due=due,
        pressure=words(shown.pressure_before_dose),
        pressure_needs_decision=shown.pressure_before_dose == "DECISION_DUE",
        dose=_dose(shown),
        infusion_runs=state.infusion_runs,
        is_dosed=state.is_dosed,
        earliest=clock(shown.discharge.earliest_at),
        is_ready=shown.discharge.is_ready,
        missing=[words(each) for each in shown.discharge.missing] if state.is_dosed else [],
        flags=list(dict.fromkeys(words(each.code) for each in shown.flags if each.code not in _OF_ENTRIES)),
        lines=[
            _line(state, entry, texts, names, clock, noted, zone, session.local_date)
            for entry in _newest_first(state)
        ],
        pressed=" ".join(
            [f"{item}={'yes' if is_met else 'no'}" for item, is_met in shown.checklist.items()]
            + ([] if shown.escort is None else [f"escort={shown.escort.lower()}"])
        ),
        form_missing=None if form is None else [words(each) for each in form.missing],
        form_due=""
        if form is None or form.due_at is None
        else formatting.day(days.local_day(form.due_at, zone)),
        form_submitted=form is not None and form.submitted_at is not None,
        open_events=[
            (str(each.event), str(each.effect).replace("_", " "))
            for each in shown.adverse_events
            if each.ended_at is None
        ],
        capacity=clock(shown.capacity_ends_at)
        if shown.capacity_ends_at and shown.capacity_ends_at > at
        else "",
        plan=f"{clock(shown.starts_at)} to {clock(shown.ends_at)}, {formatting.day(session.local_date)}: "
        + session_text.line(state.plan, names).removeprefix("Planned: "),
        steps=[(kind, text) for kind, text in _STEPS if state.may(kind) and state.state not in CLOSED],
        planned=state.plan,
    )


# The changes of state that take one tap; closing has a card of its own.
_STEPS = (("check_in", "Has arrived"), ("start", "Begin"), ("miss", "Did not come"))


_DAY_MINUTES = 24 * 60


def _span(start: datetime | None, end: datetime) -> str:
    """Return ``1:05``: hours and minutes."""
    if start is None:
        return ""
    minutes = max(int((end - start).total_seconds() // 60), 0)
    return f"{minutes // 60}:{minutes % 60:02d}"


def _newest_first(state: SessionState) -> list[Entry]:
    return sorted(state.entries, key=lambda entry: entry.occurred_at, reverse=True)


def _notes(shown: overview.Overview) -> dict[str, list[str]]:
    """What is said beside an entry, by its id."""
    found: dict[str, list[str]] = {}
    for each in shown.flags:
        if each.event is not None:
            found.setdefault(str(each.event), []).append(words(each.code))
    return found


def _dose(shown: overview.Overview) -> str:
    if not shown.doses and not shown.infusions:
        return "No dose yet."
    if shown.total_mg is None:
        return "Dose given; its mg are not known."
    per_kg = "" if shown.mg_per_kg is None else f", {formatting.number(shown.mg_per_kg)} mg/kg"
    return f"{formatting.number(shown.total_mg)} mg{per_kg}{' so far' if shown.infusion_runs else ''}"


def _line(
    state: SessionState,
    entry: Entry,
    texts: Mapping[Any, str | None],
    names: Mapping[str, str],
    clock: Any,
    noted: Mapping[str, list[str]],
    zone: str,
    of_day: date,
) -> Line:
    event, first = entry.event, state.first_dosed_at
    minute = ""
    if first is not None:
        minutes = int((entry.occurred_at - first).total_seconds() // 60)
        # Of what is days away its day says more.
        minute = "" if abs(minutes) >= _DAY_MINUTES else f"{minutes:+d} min" if minutes else "0 min"
    text = texts.get(event.id, "")
    status = ""
    if event.id in state.replaced_by:
        status = "corrected"
    elif event.id in state.retracted_by:
        status = "retracted"
    return Line(
        id=str(event.id),
        kind=event.kind,
        day="" if (on := days.local_day(entry.occurred_at, zone)) == of_day else formatting.short_day(on),
        time=clock(entry.occurred_at),
        minute=minute,
        what=session_text.line(event, names),
        text="(cannot be decrypted at present)" if text is None else text,
        by="the patient" if entry.is_by_patient else names.get(entry.recorded_by, "staff"),
        status=status,
        notes=" ".join(noted.get(str(event.id), ())),
        can_retract=not status and event.kind not in events.NOT_RETRACTED,
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """What the forms of the page offer."""

    units: Sequence[Choice]
    rate_units: Sequence[Choice]
    is_held: bool
    moaas: Sequence[tuple[int, str]]
    dissociation: Sequence[tuple[int, str]]
    effects: Sequence[Choice]
    measures: Sequence[Choice]
    lists: Sequence[tuple[str, Sequence[Choice]]]
    planned_amount: str
    planned_unit: str
    causes: Sequence[Choice]


_ITEMS = events.ChecklistItem
_BEFORE = (_ITEMS.FASTING, _ITEMS.NO_CONTRAINDICATION, _ITEMS.NOT_DRIVING)
_BEFORE_AT_HOME = (*_BEFORE, _ITEMS.SITTER_PRESENT, _ITEMS.PHONE_AT_HAND)
_LEAVING = (_ITEMS.WALKS_STEADILY, _ITEMS.ORIENTED, _ITEMS.INSTRUCTIONS_GIVEN)


def choices(session: TreatmentSession, plan: events.PlanEvent, dissociation_items: Sequence[str]) -> Choices:
    """Return what the forms of a session's page offer."""
    route = Route(session.route)
    rule = products.ROUTES[route]
    at_home = session.setting == events.Setting.HOME
    return Choices(
        units=[Choice(unit.lower(), products.unit_label(unit)) for unit in rule.units],
        rate_units=[Choice(unit.lower(), products.unit_label(unit)) for unit in rule.rate_units],
        is_held=route in products.HELD_IN_THE_MOUTH,
        moaas=list(session_text.MOAAS.items()),
        dissociation=list(enumerate(dissociation_items)),
        effects=[Choice(code, code.replace("_", " ")) for code in EFFECTS],
        measures=_codes(events.MeasureTaken),
        lists=[
            ("Before the dose", _some(_BEFORE_AT_HOME if at_home else _BEFORE)),
            ("Taken within 24 hours before", _some(MEDICINES_BESIDE)),
            ("Before leaving", _some(_LEAVING)),
        ],
        planned_amount="" if plan.planned_amount is None else number(plan.planned_amount, 3),
        planned_unit="" if plan.planned_unit is None else plan.planned_unit.lower(),
        causes=_codes(events.Cause),
    )


def _codes(codes: type[Any]) -> list[Choice]:
    return [Choice(code.lower(), words(code)) for code in codes]


def _some(items: Sequence[events.ChecklistItem]) -> list[Choice]:
    return [Choice(item.lower(), words(item)) for item in items]


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session in the list of a patient's."""

    id: str
    when: str
    route: str
    dose: str
    state: str
    state_code: str
    setting: str


def sessions_of(patient: Patient) -> list[SessionRow]:
    """Return the newest 200 sessions of a patient."""
    rows = TreatmentSession.objects.filter(patient=patient).order_by("-starts_at", "pk")[:200]
    return [
        SessionRow(
            str(row.pk),
            formatting.moment(days.local(row.first_dosed_at or row.starts_at, row.time_zone)),
            products.route_label(row.route),
            "" if row.total_mg is None else f"{formatting.number(float(row.total_mg))} mg",
            "entered in error" if row.is_in_error else words(State(row.state)),
            row.state.lower(),
            words(events.Setting(row.setting)),
        )
        for row in rows
    ]


def cumulative(patient: Patient) -> list[str]:
    """Return what was given in all sessions, by route, as sentences."""
    return [
        f"{products.route_label(row['route'].upper())}: {'at least ' if row['incomplete'] else ''}"
        f"{formatting.number(row['mg'])} mg in {row['sessions']} session{'s' if row['sessions'] != 1 else ''}"
        for row in session_list.cumulative(patient.pk)
    ]


def may_write(principal: Principal) -> bool:
    """Whether the caller may enter: who looks on in an emergency may not."""
    return principal.break_glass is None


def may_set_limits(principal: Principal) -> bool:
    """Whether the caller may set the clinic's limits."""
    return policy.role_may(principal.role, policy.Action.SET_MONITORING_LIMITS)

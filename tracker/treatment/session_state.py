"""
The state of a treatment session, derived from its events: what was given, observed, decided. Pure.

Events count in the order of their receipt where they change the state of the session, and in the order of what they
tell where they observe: two people who write at once, or a tablet that was offline, lose nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import TypeVar
from uuid import UUID

from tracker.treatment import events, products
from tracker.treatment.events import Event
from tracker.treatment.products import Product, Route

E = TypeVar("E", bound=Event)
# Who entered an event, where it was the patient.
PATIENT = "patient"


class State(StrEnum):
    """Where a session stands."""

    PLANNED = "PLANNED"
    CHECKED_IN = "CHECKED_IN"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    MISSED = "MISSED"


IN_PROGRESS = (State.CHECKED_IN, State.RUNNING)
CLOSED = (State.COMPLETED, State.CANCELLED, State.MISSED)
# What each change of state starts from. A dose begins the session wherever it stands: it was given.
_FROM: Mapping[str, tuple[State, ...]] = {
    "plan": (State.PLANNED, State.CHECKED_IN, State.RUNNING),
    "check_in": (State.PLANNED, State.MISSED),
    "start": (State.PLANNED, State.CHECKED_IN),
    "complete": (State.RUNNING,),
    "cancel": (State.PLANNED, State.CHECKED_IN, State.RUNNING),
    "miss": (State.PLANNED,),
    "reopen": CLOSED,
}


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One event as it is kept.

    ``occurred_at`` is when it happened, by our clock; ``received_at`` when it reached us. ``recorded_by`` is the id of
    the member of staff, or ``patient``. ``clock_offset`` is how far the clock of the device was behind ours.
    """

    event: Event
    occurred_at: datetime
    received_at: datetime
    recorded_by: str
    clock_offset: timedelta = timedelta(0)

    @property
    def is_by_patient(self) -> bool:
        return self.recorded_by == PATIENT


@dataclass(frozen=True, slots=True)
class GivenDose:
    """A dose with what follows from it: mg and mg per kg, None where a weight that they need is not known."""

    entry: Entry
    dose: events.DoseEvent
    weight: events.WeightEvent | None
    mg: Decimal | None
    mg_per_kg: Decimal | None

    @property
    def at(self) -> datetime:
        return self.entry.occurred_at


@dataclass(frozen=True, slots=True)
class InfusionPeriod:
    """One infusion: from when to when (None: it runs), and its rates (mg per hour, None: not known) from when on."""

    started_at: datetime
    stopped_at: datetime | None
    rates: tuple[tuple[datetime, Decimal | None], ...]

    def mg_until(self, at: datetime) -> Decimal | None:
        """Return what its rates come to; None where one is not known, or a part of it has none."""
        if (
            not self.rates
            or self.rates[0][0] > self.started_at
            or any(rate is None for _, rate in self.rates)
        ):
            return None
        end = min(self.stopped_at or at, at)
        starts = [start for start, _ in self.rates]
        total = Decimal(0)
        for (start, rate), stop in zip(self.rates, [*starts[1:], end], strict=True):
            seconds = max((min(stop, end) - start) / timedelta(seconds=1), 0)
            total += (rate or Decimal(0)) * Decimal(str(seconds)) / 3600
        return total

    def distance(self, at: datetime) -> timedelta:
        """Return how far an instant is from the infusion; nothing within it."""
        if at < self.started_at:
            return self.started_at - at
        return max(at - self.stopped_at, timedelta(0)) if self.stopped_at else timedelta(0)


@dataclass
class SessionState:
    """A session as its events tell it. ``entries`` are all of them, in the order of receipt."""

    entries: Sequence[Entry]
    state: State = State.PLANNED
    is_in_error: bool = False
    checked_in_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    discharge: events.Discharge | None = None
    cause: events.Cause | None = None
    replaced_by: dict[UUID, UUID] = field(default_factory=dict)
    retracted_by: dict[UUID, UUID] = field(default_factory=dict)
    # Also by a correction that was retracted: the database allows one.
    ever_replaced: set[UUID] = field(default_factory=set)

    @cached_property
    def current(self) -> list[Entry]:
        """What counts, in the order of what it tells."""
        rows = [
            entry
            for entry in self.entries
            if entry.event.id not in self.replaced_by and entry.event.id not in self.retracted_by
        ]
        return sorted(rows, key=lambda entry: entry.occurred_at)

    def each(self, kind: type[E]) -> Iterator[tuple[Entry, E]]:
        """The current events of one kind, in the order of what they tell."""
        for entry in self.current:
            if isinstance(entry.event, kind):
                yield entry, entry.event

    def last(self, kind: type[E]) -> E | None:
        """The current event of one kind that tells the latest."""
        return next((event for _, event in reversed([*self.each(kind)])), None)

    @cached_property
    def plan(self) -> events.PlanEvent:
        """The plan that was made last: by receipt, since a plan is for what is to come."""
        current = {entry.event.id for entry in self.current}
        return next(
            entry.event
            for entry in reversed(self.entries)
            if isinstance(entry.event, events.PlanEvent) and entry.event.id in current
        )

    @property
    def route(self) -> Route:
        return self.plan.route

    @property
    def product(self) -> Product:
        return products.ROUTES[self.route].product

    @property
    def is_at_home(self) -> bool:
        return self.plan.setting == events.Setting.HOME

    @cached_property
    def doses(self) -> list[GivenDose]:
        """The doses that count, in the order in which they were given."""
        return [self._given(entry, dose) for entry, dose in self.each(events.DoseEvent)]

    def _given(self, entry: Entry, dose: events.DoseEvent) -> GivenDose:
        weight = self.weight_at(entry.occurred_at)
        kg = None if weight is None else _exact(weight.weight_kg)
        spray = None if dose.mg_per_spray is None else _exact(dose.mg_per_spray)
        mg = products.dose_mg(_exact(dose.amount), dose.unit, weight_kg=kg, mg_per_spray=spray)
        return GivenDose(entry, dose, weight, mg, mg / kg if mg is not None and kg else None)

    def weight_at(self, at: datetime) -> events.WeightEvent | None:
        """The weight that was entered last before ``at``; if none was, the first one after."""
        weights = [*self.each(events.WeightEvent)]
        before = [weight for entry, weight in weights if entry.occurred_at <= at]
        return before[-1] if before else weights[0][1] if weights else None

    @cached_property
    def infusions(self) -> list[InfusionPeriod]:
        """The infusions, in their order."""
        periods: list[InfusionPeriod] = []
        for entry, change in self.each(events.InfusionEvent):
            rate = self._rate(entry, change)
            if change.change == events.InfusionChange.START:
                periods.append(InfusionPeriod(entry.occurred_at, None, (rate,) if rate else ()))
            elif periods and periods[-1].stopped_at is None:
                last = periods[-1]
                stops = change.change == events.InfusionChange.STOP
                periods[-1] = InfusionPeriod(
                    last.started_at,
                    entry.occurred_at if stops else None,
                    last.rates if stops or rate is None else (*last.rates, rate),
                )
        return periods

    def _rate(self, entry: Entry, change: events.InfusionEvent) -> tuple[datetime, Decimal | None] | None:
        if change.rate is None or change.rate_unit is None:  # they come together
            return None
        weight = self.weight_at(entry.occurred_at)
        kg = None if weight is None else _exact(weight.weight_kg)
        return entry.occurred_at, products.rate_mg_per_h(_exact(change.rate), change.rate_unit, kg)

    def infusion_faults(self) -> list[tuple[UUID, str]]:
        """Events of infusions that do not fit those before them in time: a second start, a rate or end of none."""
        faults, is_open = [], False
        for _, change in self.each(events.InfusionEvent):
            starts = change.change == events.InfusionChange.START
            if starts == is_open:
                faults.append((change.id, "infusion_runs" if is_open else "no_infusion"))
            is_open = starts or (is_open and change.change != events.InfusionChange.STOP)
        return faults

    @property
    def infusion_runs(self) -> bool:
        return bool(self.infusions) and self.infusions[-1].stopped_at is None

    @property
    def is_dosed(self) -> bool:
        return bool(self.doses or self.infusions)

    @property
    def first_dosed_at(self) -> datetime | None:
        """When the first dose was given, or the first infusion begun."""
        return min(
            [dose.at for dose in self.doses] + [period.started_at for period in self.infusions], default=None
        )

    @property
    def last_dosed_at(self) -> datetime | None:
        """When the last dose was given, or the last infusion stopped. One that runs has not ended."""
        ends = [dose.at for dose in self.doses]
        ends += [period.stopped_at or period.started_at for period in self.infusions]
        return max(ends, default=None)

    @cached_property
    def whole_doses(self) -> list[tuple[InfusionPeriod, GivenDose]]:
        """The infusions whose whole was entered as a dose: of each such dose the nearest infusion that has none yet."""
        free, pairs = list(self.infusions), []
        for dose in self.doses:
            if dose.dose.given_as == events.GivenAs.INFUSION and free:
                at = dose.at
                period = min(free, key=lambda each: each.distance(at))
                free.remove(period)
                pairs.append((period, dose))
        return pairs

    def infusions_by_rate(self) -> list[InfusionPeriod]:
        """The infusions that count by their rates, since their whole was not entered as a dose."""
        whole = [period for period, _ in self.whole_doses]
        return [period for period in self.infusions if period not in whole]

    def total_mg(self, at: datetime) -> Decimal | None:
        """
        The mg given up to ``at``; None where a part is not known, and where nothing was given.

        An infusion counts by the dose that was entered as its whole, else by its rates; without either it is not known.
        """
        parts = [dose.mg for dose in self.doses if dose.at <= at]
        parts += [each.mg_until(at) for each in self.infusions_by_rate() if each.started_at <= at]
        if not parts or None in parts:
            return None
        return sum((mg for mg in parts if mg is not None), Decimal(0))

    def mg_per_kg(self, at: datetime) -> Decimal | None:
        """The mg per kg given up to ``at``, by the weight of the last dose."""
        total, weight = self.total_mg(at), self.weight_at(self.last_dosed_at or at)
        return None if total is None or weight is None else total / _exact(weight.weight_kg)

    @cached_property
    def checklist(self) -> dict[events.ChecklistItem, bool]:
        """Each item of the checklists that was entered, as it was last."""
        return {item.item: item.is_met for _, item in self.each(events.ChecklistEvent)}

    @property
    def escort(self) -> events.Escort | None:
        last = self.last(events.EscortEvent)
        return None if last is None else last.escort

    def adverse_events(self) -> Iterator[tuple[Entry, events.AdverseEventEvent, datetime | None]]:
        """The adverse events, and when each was over (None: it goes on)."""
        ends = {
            self._latest(end.target): entry.occurred_at
            for entry, end in self.each(events.AdverseEventEndEvent)
        }
        for entry, event in self.each(events.AdverseEventEvent):
            yield entry, event, ends.get(event.id)

    def _latest(self, event_id: UUID) -> UUID:
        """The event that an event was corrected into, at the end of the chain."""
        while event_id in self.replaced_by:
            event_id = self.replaced_by[event_id]
        return event_id

    @property
    def staff_present(self) -> dict[UUID, events.StaffRole]:
        """The members of staff who have joined and not left."""
        present: dict[UUID, events.StaffRole] = {}
        for _, staff in self.each(events.StaffEvent):
            present.pop(staff.staff_member, None)
            if staff.presence == events.Presence.JOINED:
                present[staff.staff_member] = staff.staff_role
        return present

    @property
    def counts(self) -> bool:
        """Whether a dose was given in it, and it was not entered in error."""
        return self.is_dosed and not self.is_in_error

    def may(self, kind: str) -> bool:
        """Return whether a change of state starts from where the session stands."""
        return kind not in _FROM or self.state in _FROM[kind]


def _exact(value: float) -> Decimal:
    """A number of the wire, digit by digit as it was sent."""
    return Decimal(str(value))


def derive(entries: Sequence[Entry]) -> SessionState:
    """Return the session that ``entries``, in the order of their receipt, tell of. The first one is its plan."""
    session = SessionState(entries)
    for entry in entries:
        if isinstance(entry.event, events.RetractEvent):
            session.retracted_by[entry.event.target] = entry.event.id
    for entry in entries:
        event = entry.event
        if event.replaces is not None:
            session.ever_replaced.add(event.replaces)
            # What was corrected wrongly counts again once the correction is taken back.
            if event.id not in session.retracted_by:
                session.replaced_by[event.replaces] = event.id
    for entry in _by_receipt(session):
        _apply(session, entry)
    return session


def _by_receipt(session: SessionState) -> Iterator[Entry]:
    """The current events in the order of their receipt; a correction stands where what it corrects stood."""
    latest = {entry.event.id: entry for entry in session.entries}
    for entry in session.entries:
        if entry.event.replaces is None and entry.event.id not in session.retracted_by:
            event_id = entry.event.id
            while event_id in session.replaced_by:
                event_id = session.replaced_by[event_id]
            if event_id not in session.retracted_by:
                yield latest[event_id]


def _apply(session: SessionState, entry: Entry) -> None:
    event = entry.event
    if isinstance(event, events.CheckInEvent):
        session.state, session.checked_in_at = State.CHECKED_IN, entry.occurred_at
    elif isinstance(event, events.StartEvent):
        session.state, session.started_at = State.RUNNING, entry.occurred_at
    elif isinstance(event, events.DoseEvent) or _starts_infusion(event):
        # It was given, whatever was said of the session before. What is told of later does not open a closed one.
        if session.state != State.COMPLETED and not session.is_in_error:
            session.state = State.RUNNING
        session.started_at = min(session.started_at or entry.occurred_at, entry.occurred_at)
    elif isinstance(event, events.CompleteEvent):
        session.state, session.ended_at, session.discharge = (
            State.COMPLETED,
            entry.occurred_at,
            event.discharge,
        )
    elif isinstance(event, events.CancelEvent):
        session.state, session.cause = State.CANCELLED, event.cause
        session.is_in_error = event.cause == events.Cause.ENTERED_IN_ERROR
    elif isinstance(event, events.MissEvent):
        session.state, session.cause = State.MISSED, event.cause
    elif isinstance(event, events.ReopenEvent):
        _reopen(session)


def _starts_infusion(event: Event) -> bool:
    return isinstance(event, events.InfusionEvent) and event.change == events.InfusionChange.START


def _reopen(session: SessionState) -> None:
    if session.started_at is not None:
        session.state = State.RUNNING
    else:
        session.state = State.CHECKED_IN if session.checked_in_at else State.PLANNED
    session.ended_at = session.discharge = session.cause = None
    session.is_in_error = False

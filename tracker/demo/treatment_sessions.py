"""
Treatment sessions of the demo, by the actions that the pages and the API call, each at its time.

Those of one patient, those at home, and some others are recorded as they went; of the rest route and dose alone, as of
a session that was recorded afterwards.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from django.db import transaction

from tracker.access.chart import open_chart
from tracker.alerts import treatment_sessions
from tracker.clinics.models import Patient, StaffMember
from tracker.demo import clinic_work, session_events, simulate
from tracker.demo.session_events import Incident, Script, Team
from tracker.demo.trajectories import Session
from tracker.lib import days
from tracker.treatment import actions
from tracker.treatment.events import Event
from tracker.treatment.models import TreatmentSession
from tracker.treatment.products import Route

_PLANNED_BEFORE = timedelta(days=7)
_CLINIC, _HOME = time(10), time(14)
# What is recorded as it went, besides; by the simulated patient's number and the day after their first session.
INCIDENTS: Mapping[tuple[int, int], Incident] = {
    (0, 3): Incident.RAISED_PRESSURE,
    (0, 7): Incident.SLOWED,
    (0, 56): Incident.REOPENED,
    (0, 98): Incident.FORM_GAPS,
    (1, 98): Incident.NONE,
    (3, 14): Incident.SECOND_DOSE,
    (3, 35): Incident.CORRECTED,
    (5, 56): Incident.AGAINST_ADVICE,
    (9, 42): Incident.GRAVE_SIGNS,
}
# Whose sessions are all recorded as they went, and one is planned for today; who has arrived, is being treated now, has
# one at home tomorrow; who missed one and was sent home from another.
SHOWN = TODAY = 0
ARRIVED, UNDER_WAY, TOMORROW, NOT_TREATED = 4, 6, 9, 5
_MISSED_ON, _WITHHELD_ON = 112, 126


def is_at_home(session: Session) -> bool:
    return session.route == "TROCHE"


def _weight(who: simulate.Simulated) -> float:
    return 62.5 + who.number % 20


@transaction.atomic
def load(who: simulate.Simulated, clinician: str, enrolled_on: date, now: datetime) -> None:
    """Record all sessions of a simulated patient, first ones first; once."""
    with clinic_work.acting(clinician, now) as principal:
        patient = open_chart(principal, clinic_work.patient_id_of(who, principal), purpose="demo", at=now)
        if TreatmentSession.objects.filter(patient=patient).exists():
            return
        members = dict(StaffMember.objects.values_list("user__email", "pk"))
    monitor = str(members[f"dan@{simulate.HOST}"])
    loader = _Loader(who, clinician, patient, Team(str(members[clinician]), monitor))
    for on, session in simulate.sessions(who, enrolled_on):
        loader.past(on, session)
    first = enrolled_on + timedelta(days=simulate.FIRST_SESSION)
    if who.number == NOT_TREATED:
        loader.missed(first + timedelta(days=_MISSED_ON))
        loader.withheld(first + timedelta(days=_WITHHELD_ON))
    loader.at_present(now)


class _Loader:
    """Records the sessions of one patient."""

    def __init__(self, who: simulate.Simulated, clinician: str, patient: Patient, team: Team) -> None:
        self.who, self.clinician, self.patient, self.team = who, clinician, patient, team

    def past(self, on: date, session: Session) -> None:
        """Record a session that has taken place."""
        home = is_at_home(session)
        starts_at = days.instant(on, _HOME if home else _CLINIC, self.patient.time_zone)
        key = self.who.number, session.day
        if not home and self.who.number != SHOWN and key not in INCIDENTS:
            with clinic_work.acting(self.clinician, starts_at) as principal:
                actions.record_past_session(
                    principal=principal, patient=self.patient, starts_at=starts_at, route=Route(session.route),
                    dose_mg=Decimal(session.dose_mg), at=starts_at,
                )  # fmt: skip
            return
        incident = INCIDENTS.get(key, Incident.NONE)
        script = self._plan(f"day-{session.day}", starts_at, session.route, session.dose_mg)
        session_events.BY_ROUTE[session.route](script, session.dose_mg, incident, _weight(self.who))
        self._record(script, self.who.email if home else self.clinician)

    def missed(self, on: date) -> None:
        script = self._plan("missed", days.instant(on, _CLINIC, self.patient.time_zone), "IV_INFUSION", 40)
        script.add(45, "miss")
        self._record(script, self.clinician)

    def withheld(self, on: date) -> None:
        """Record a session that was cancelled before the dose: the pressure stayed raised."""
        script = self._plan("withheld", days.instant(on, _CLINIC, self.patient.time_zone), "IV_INFUSION", 40)
        session_events.arrive(script, _weight(self.who))
        session_events.raised_pressure(script, "withhold")
        script.add(0, "cancel", cause="blood_pressure", text="To be seen by the general practitioner first.")
        self._record(script, self.clinician)

    def at_present(self, now: datetime) -> None:
        """Record where the clinic stands today."""
        number, today = self.who.number, days.local_day(now, self.patient.time_zone)
        if number == TODAY:
            late = days.instant(today, time(21), self.patient.time_zone)
            soon = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=2)
            self._plan("today", min(soon, late), "NASAL_ESKETAMINE", 84, now)
        if number == TOMORROW:
            tomorrow = days.instant(today + timedelta(days=1), _HOME, self.patient.time_zone)
            self._plan("tomorrow", tomorrow, "TROCHE", 150, now)
        if number == ARRIVED:
            script = self._plan("arrived", now + timedelta(minutes=15), "IV_INFUSION", 35, now)
            session_events.arrive(script, _weight(self.who))
            self._record(script, self.clinician, until=now)
        if number == UNDER_WAY:
            script = self._plan("under-way", now - timedelta(minutes=26), "IV_INFUSION", 35, now)
            session_events.infusion(script, 35, Incident.RAISED_PRESSURE, _weight(self.who))
            self._record(script, self.clinician, until=now)

    def _plan(
        self, name: str, starts_at: datetime, route: str, mg: int, now: datetime | None = None
    ) -> Script:
        script = Script(f"{self.who.number}/session/{name}", starts_at, self.team)
        planned_at = min(starts_at, now or starts_at) - _PLANNED_BEFORE
        setting = "home" if route == "TROCHE" else "clinic"
        plan = session_events.plan(script, route, mg, planned_at=planned_at, setting=setting)
        with clinic_work.acting(self.clinician, planned_at) as principal:
            actions.plan_session(
                principal=principal, patient=self.patient, session_id=script.session_id, plan=plan,
                sent_at=planned_at, at=planned_at,
            )  # fmt: skip
        return script

    def _record(self, script: Script, email: str, until: datetime | None = None) -> None:
        for sent in _until(script, until):
            at = sent[-1].at
            with clinic_work.acting(email, at) as principal:
                _, _, outcomes, _ = treatment_sessions.record_events(
                    principal=principal, session_id=script.session_id, patient=self.patient, sent=sent, sent_at=at,
                    at=at,
                )  # fmt: skip
            for outcome in outcomes:
                if outcome.refusal is not None:
                    raise actions.RefusedEvent(outcome.refusal)


def _until(script: Script, until: datetime | None) -> Iterator[list[Event]]:
    """The rounds of a session up to a moment."""
    if until is not None:
        script.sent = [event for event in script.sent if event.at <= until]
    return session_events.rounds(script)

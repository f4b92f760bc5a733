"""
Events of simulated treatment sessions, minute by minute, as staff enter them, and at home the patient. Pure.

Nothing here is a clinical claim, and no dose a recommendation.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any

from tracker.demo.simulate import SPACE
from tracker.treatment import events
from tracker.treatment.products import MG_OF_A_DEVICE

# What is entered within this time is sent at once: nobody types each reading at its minute.
_ROUND = timedelta(minutes=28)
_NO_DISSOCIATION, _SLIGHT, _STRONG = [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [2, 3, 2, 1, 2]


class Incident(StrEnum):
    """What is particular about a session."""

    NONE = "NONE"
    RAISED_PRESSURE = "RAISED_PRESSURE"
    SLOWED = "SLOWED"
    SECOND_DOSE = "SECOND_DOSE"
    CORRECTED = "CORRECTED"
    REOPENED = "REOPENED"
    FORM_GAPS = "FORM_GAPS"
    AGAINST_ADVICE = "AGAINST_ADVICE"
    GRAVE_SIGNS = "GRAVE_SIGNS"


@dataclass(frozen=True)
class Team:
    """Who treats: ids of members of staff."""

    prescriber: str
    monitor: str


@dataclass
class Script:
    """The events of one session so far. ``starts_at`` is minute 0; ``name`` makes the ids, the same every time."""

    name: str
    starts_at: datetime
    team: Team
    chance: random.Random = field(init=False)
    sent: list[events.Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"interlude-demo-{self.name}")
        self.systolic, self.diastolic = self.chance.randrange(112, 128), self.chance.randrange(68, 80)

    @property
    def session_id(self) -> uuid.UUID:
        return uuid.uuid5(SPACE, self.name)

    def add(self, minute: float, kind: str, **fields: Any) -> str:
        event_id = str(uuid.uuid5(self.session_id, str(len(self.sent))))
        at = self.starts_at + timedelta(minutes=minute)
        self.sent.append(events.parse({"id": event_id, "kind": kind, "at": at.isoformat(), **fields}))
        return event_id

    def checklist(self, minute: float, *items: str, is_met: bool = True) -> None:
        for item in items:
            self.add(minute, "checklist", item=item, is_met=is_met)

    def vitals(self, minute: float, effect: float = 0.0, **fields: Any) -> str:
        """Vital signs with ``effect`` of the dose, from 0 to 1."""
        noise = self.chance.randrange(-3, 4)
        signs = {
            "systolic": round(self.systolic + 20 * effect + noise),
            "diastolic": round(self.diastolic + 12 * effect + noise),
            "heart_rate": round(70 + 16 * effect + noise),
            "spo2": 98 - round(effect),
            "respiratory_rate": 14,
        }
        return self.add(minute, "vitals", **signs | fields)

    def checks(self, minute: float, answers: list[int], moaas: int) -> None:
        self.add(minute, "dissociation", answers=answers)
        self.add(minute, "sedation", moaas=moaas)


def plan(
    script: Script, route: str, mg: int, *, planned_at: datetime, setting: str, minutes: int = 120
) -> events.PlanEvent:
    """Return the plan of a session."""
    event = events.parse(
        {
            "id": str(script.session_id), "kind": "plan", "at": planned_at.isoformat(),
            "starts_at": script.starts_at.isoformat(), "minutes": minutes, "route": route.lower(), "setting": setting,
            "planned_amount": float(mg), "planned_unit": "mg",
        }
    )  # fmt: skip
    assert isinstance(event, events.PlanEvent)
    return event


def arrive(script: Script, weight_kg: float) -> None:
    """The patient comes, is weighed, and is observed before the dose."""
    script.add(-25, "check_in")
    for member, role in ((script.team.prescriber, "prescriber"), (script.team.monitor, "monitor")):
        script.add(-24, "staff", staff_member=member, staff_role=role)
    measured_on = (script.starts_at - timedelta(minutes=23)).date().isoformat()
    script.add(-23, "weight", weight_kg=weight_kg, measured_on=measured_on)
    script.checklist(-22, "fasting", "no_contraindication", "not_driving")
    script.add(-21, "escort", escort="arranged")
    script.checks(-20, _NO_DISSOCIATION, 5)


def raised_pressure(script: Script, decision: str, why: str | None = None) -> None:
    """A raised pressure before the dose: measured again, then decided on."""
    script.vitals(-19, systolic=152, diastolic=94)
    script.add(-18, "pressure_decision", decision="recheck")
    script.vitals(-3, systolic=146, diastolic=88)
    extra = {"text": why} if why else {}
    script.add(-2, "pressure_decision", decision=decision, decided_by=script.team.prescriber, **extra)


def _before(script: Script, incident: Incident, weight_kg: float) -> None:
    arrive(script, weight_kg)
    if incident == Incident.RAISED_PRESSURE:
        raised_pressure(script, "proceed", "White coat; 128/80 at home this morning.")
    else:
        script.vitals(-8)


def _leave(script: Script, minute: float, incident: Incident) -> None:
    if incident == Incident.AGAINST_ADVICE:
        script.add(minute - 20, "note", text="Wants to leave now: the taxi is waiting. Told what may come.")
        script.add(minute - 18, "complete", discharge="against_advice", text="Left before the time was over.")
        return
    script.vitals(minute)
    script.checks(minute, _SLIGHT, 5)
    script.checklist(minute + 1, "walks_steadily", "oriented", "instructions_given")
    script.add(minute + 1, "escort", escort="present")
    script.add(minute + 2, "complete", discharge="ready")
    if incident == Incident.REOPENED:
        script.add(minute + 6, "reopen", text="The prescriber's note was missing.")
        script.add(minute + 7, "note", text="Calm, talked of her garden. Next time the same dose.")
        script.add(minute + 8, "complete", discharge="ready")


def infusion(script: Script, mg: int, incident: Incident, weight_kg: float) -> None:
    """An infusion of 40 minutes; one that is slowed down gives the same in 60."""
    _before(script, incident, weight_kg)
    script.add(0, "infusion", change="start", rate=1.5 * mg, rate_unit="mg_per_h")
    script.vitals(15, 0.7)
    script.checks(18, _STRONG, 4)
    end = 40
    if incident == Incident.SLOWED:
        end = 60
        event = script.add(19, "adverse_event", effect="nausea", severity=2, measure_taken="infusion_slowed")
        script.add(20, "infusion", change="rate", rate=0.75 * mg, rate_unit="mg_per_h")
        script.vitals(45, 0.8)
        script.add(50, "adverse_event_end", target=event)
    script.vitals(30, 1.0)
    script.add(end, "infusion", change="stop")
    script.vitals(end, 0.7)
    script.vitals(end + 15, 0.3)
    _leave(script, end + 31, incident)


def injection(script: Script, mg: int, incident: Incident, weight_kg: float) -> None:
    """An intramuscular injection, or two."""
    _before(script, incident, weight_kg)
    script.add(0, "start")
    script.add(0, "dose", amount=float(mg), unit="mg")
    script.vitals(15, 0.8)
    script.checks(18, _STRONG, 3)
    second = 20 if incident == Incident.SECOND_DOSE else 0
    if second:
        script.add(second, "dose", amount=float(mg // 2), unit="mg")
        script.vitals(second + 15, 1.0)
    if incident == Incident.CORRECTED:
        wrong = script.vitals(30, systolic=212, diastolic=84)
        script.vitals(30, 1.0, replaces=wrong, text="A slip: 132, not 212.")
        other = script.add(31, "sedation", moaas=1)
        script.add(32, "retract", target=other, text="Of the patient in the other room.")
    else:
        script.vitals(second + 30, 1.0)
    script.vitals(second + 60, 0.4)
    _leave(script, second + 91, incident)


def nasal_spray(script: Script, mg: int, incident: Incident, weight_kg: float) -> None:
    """Esketamine nasal spray with its monitoring form; one form has gaps."""
    _before(script, incident, weight_kg)
    gaps = incident == Incident.FORM_GAPS
    if not gaps:
        taken = ("benzodiazepine", "other_cns_depressant", "psychostimulant", "maoi")
        script.checklist(-7, *(f"took_{each}" for each in taken), is_met=False)
    script.add(0, "dose", amount=float(mg / MG_OF_A_DEVICE), unit="device")
    event = script.add(22, "adverse_event", effect="dizziness", severity=1, measure_taken="observed")
    if not gaps:
        script.vitals(40, 1.0)
    script.checks(41, _STRONG, 4)
    script.add(85, "adverse_event_end", target=event)
    script.vitals(90, 0.3)
    _leave(script, 121, incident)
    if not gaps:
        script.add(1440, "form_submitted")


def at_home(script: Script, mg: int, incident: Incident, weight_kg: float) -> None:
    """A lozenge at home: what the patient enters."""
    script.add(-20, "check_in")
    ready = ("fasting", "no_contraindication", "not_driving", "sitter_present", "phone_at_hand")
    script.checklist(-18, *ready)
    script.add(-16, "escort", escort="present")
    script.vitals(-10)
    script.add(0, "dose", amount=float(mg), unit="mg", hold_minutes=15, swallowed=False)
    event = script.add(30, "adverse_event", effect="dizziness", severity=1)
    grave = {"systolic": 184, "diastolic": 112} if incident == Incident.GRAVE_SIGNS else {}
    script.vitals(60, 0.4, **grave)
    script.add(62, "dissociation", answers=_SLIGHT)
    if grave:
        script.vitals(80, 0.5)
    script.add(95, "adverse_event_end", target=event)
    script.add(128, "note", text="Music on, Mark beside me. Steady on my feet again.")
    script.add(130, "complete", discharge="ready")


BY_ROUTE: Mapping[str, Callable[[Script, int, Incident, float], None]] = {
    "IV_INFUSION": infusion,
    "IM": injection,
    "NASAL_ESKETAMINE": nasal_spray,
    "TROCHE": at_home,
}


def rounds(script: Script) -> Iterator[list[events.Event]]:
    """Yield the events as they are sent: what was entered in one round, in its order."""
    ordered = sorted(script.sent, key=lambda event: event.at)
    cuts, first = [0], ordered[0].at
    for place, event in enumerate(ordered):
        if event.at - first > _ROUND:
            cuts.append(place)
            first = event.at
    for start, end in pairwise([*cuts, len(ordered)]):
        yield ordered[start:end]

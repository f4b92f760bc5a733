"""
Simulated patients with stated trajectories. Pure and seeded: the same patient is the same every time.

Nothing here is a clinical claim. The shapes exist so that every page has something worth looking at and every
rule something to act on: who gets better quickly, slowly, wholly, for a while, not at all, or worse.
"""

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from tracker.demo.self_monitoring import Diary
from tracker.demo.trajectories import TRAJECTORIES, Session, Trajectory
from tracker.lib import days

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:interlude:demo")
WEEKS = 26
FIRST_SESSION = 21
HOME, HOST = "Europe/Amsterdam", "demo.interlude.invalid"
PHQ9 = (
    "/44250-9", "/44255-8", "/44259-0", "/44254-1", "/44251-7", "/44258-2", "/44252-5", "/44253-3", "/44260-8",
)  # fmt: skip
GAD7 = ("/69725-0", "/68509-9", "/69733-4", "/69734-2", "/69735-9", "/69689-8", "/69736-7")
PEG = ("/75893-8", "/91145-3", "/91146-1")

_NAMES = (
    "Anouk Bakker", "Bram Visser", "Chantal Smit", "Daan Meijer", "Esther de Boer", "Femke Mulder", "Gijs de Groot",
    "Hanna Bos", "Imran Vos", "Jasmijn Peters", "Koen Hendriks", "Lotte van Leeuwen", "Mees Dekker", "Nadia Brouwer",
    "Olaf de Wit", "Petra Dijkstra", "Quinten Smits", "Roos de Graaf", "Sanne van der Meer", "Tijn Kok",
    "Ursula Jacobs", "Viktor de Haan", "Willemijn Vermeulen", "Xander van den Heuvel", "Yara van der Veen",
    "Zoe van den Broek", "Adil de Bruijn", "Britt van der Heijden", "Casper Schouten", "Dewi van Beek",
    "Emre Willems", "Floor van Vliet", "Guus van de Ven", "Hidde Hoekstra", "Iris Maas", "Jelle Verhoeven",
    "Kyra Koster", "Lars van Dam", "Mila van der Wal", "Noor Prins",
)  # fmt: skip


@dataclass(frozen=True)
class Simulated:
    """One simulated patient: who they are and which course they take."""

    number: int
    name: str
    trajectory: Trajectory

    @property
    def email(self) -> str:
        return f"{self.name.lower().replace(' ', '.')}@{HOST}"

    @property
    def birth_date(self) -> date:
        return date(1950 + self.number, 1 + self.number % 12, 1 + self.number % 28)

    def id(self, *parts: object) -> str:
        """An id as the patient's phone would have made it, the same every time."""
        return str(uuid.uuid5(SPACE, "/".join(map(str, (self.number, *parts)))))


def everybody() -> list[Simulated]:
    """Return the forty simulated patients, four for each trajectory."""
    return [Simulated(n, name, TRAJECTORIES[n % len(TRAJECTORIES)]) for n, name in enumerate(_NAMES)]


def sessions(who: Simulated, enrolled_on: date) -> list[tuple[date, Session]]:
    """Return the treatment sessions with their days."""
    first = enrolled_on + timedelta(days=FIRST_SESSION)
    return [(first + timedelta(days=session.day), session) for session in who.trajectory.sessions]


def weeks(who: Simulated, enrolled_on: date) -> Iterator[list[dict[str, Any]]]:
    """Yield the records of each week, as the patient's phone sends them at its end."""
    chance = random.Random(f"interlude-demo-{who.number}")
    burden = _Burden(chance.uniform(5.2, 7.6), chance.uniform(13, 19), chance)
    diary = _diary(who, enrolled_on)
    for week in range(WEEKS):
        records: list[dict[str, Any]] = []
        for day in range(7 * week, 7 * week + 7):
            if day == 0 or chance.random() < who.trajectory.logs:
                records += _day(who, enrolled_on, day, burden, diary, chance)
            records += _self_monitoring(who, enrolled_on, day, diary)
        if week % 2 == 0 or week == WEEKS - 1:
            records += _forms(who, enrolled_on, 7 * week + 6, week, burden, chance)
        yield records


def _diary(who: Simulated, enrolled_on: date) -> Diary:
    days_of = [FIRST_SESSION + session.day for session in who.trajectory.sessions]
    chance = random.Random(f"interlude-demo-self-monitoring-{who.number}")
    red_flags = who.trajectory.red_flags if who.number < len(TRAJECTORIES) else ()
    return Diary(who.trajectory.habits, enrolled_on, days_of, red_flags, chance)


def _self_monitoring(who: Simulated, enrolled_on: date, day: int, diary: Diary) -> Iterator[dict[str, Any]]:
    share = who.trajectory.course(day - FIRST_SESSION)
    for entry in diary.entries(day, share, _zone(who, day)):
        yield _record(who, entry.kind, enrolled_on, day, entry.at, entry.data, entry.at)


@dataclass
class _Burden:
    """How bad it is: pain 0-10 and PHQ-9 total at baseline, scaled by the course, with day-to-day noise."""

    pain: float
    phq9: float
    chance: random.Random

    def pain_now(self, share: float, spread: float = 0.9) -> int:
        return _within(self.pain * (0.35 + 0.65 * share) + self.chance.gauss(0, spread), 0, 10)

    def mood_now(self, share: float) -> int:
        return _within(8.2 - 5.2 * share + self.chance.gauss(0, 1.0), 0, 10)


def _within(value: float, low: int, high: int) -> int:
    return max(low, min(high, round(value)))


def _zone(who: Simulated, day: int) -> str:
    if who.trajectory.travels and 70 <= day < 91:
        return "America/New_York"
    if who.trajectory.travels and 120 <= day < 134:
        return "Asia/Tokyo"
    return HOME


def _record(
    who: Simulated,
    kind: str,
    enrolled_on: date,
    day: int,
    local_time: time,
    data: dict[str, Any],
    *name: object,
) -> dict[str, Any]:
    time_zone = _zone(who, day)
    at = days.instant(enrolled_on + timedelta(days=day), local_time, time_zone)
    return {
        "kind": kind,
        "id": who.id(kind, day, *name),
        "revision": 1,
        "recorded_at": days.local(at, time_zone).isoformat(),
        "time_zone": time_zone,
        "data": data,
    }


def _day(
    who: Simulated, enrolled_on: date, day: int, burden: _Burden, diary: Diary, chance: random.Random
) -> Iterator[dict[str, Any]]:
    share = who.trajectory.course(day - FIRST_SESSION)
    pain = burden.pain_now(share)
    log = {
        "pain_avg": pain,
        "pain_worst": _within(pain + chance.uniform(0.5, 2.5), pain, 10),
        "mood": burden.mood_now(share),
        "anxiety": _within(1.5 + 5 * share + chance.gauss(0, 1), 0, 10),
        "function": _within(8 - 4.5 * share + chance.gauss(0, 1), 0, 10),
        "sleep_hours": round(4 * min(11, max(3, 7.4 - 1.6 * share + chance.gauss(0, 0.7)))) / 4,
        "sleep_quality": _within(7.5 - 3.5 * share + chance.gauss(0, 1), 0, 10),
    }
    at = time(20, chance.randrange(60))
    yield _record(who, "daily", enrolled_on, day, at, log)
    if chance.random() < 0.3:
        now = burden.pain_now(share, 1.4)
        yield _record(
            who,
            "pain",
            enrolled_on,
            day,
            time(14, chance.randrange(60)),
            {"intensity": now} | diary.pain_detail(now),
        )
    yield from _medication(who, enrolled_on, day, chance)
    if chance.random() < 0.06:
        text = chance.choice(_PAGES)
        data = {"text": text, "mood": log["mood"], "share": "entry" if chance.random() < 0.3 else "none"}
        yield _record(who, "journal", enrolled_on, day, time(21, chance.randrange(60)), data)


_PAGES = (
    "Walked to the canal and back. Slower than I wanted, further than last week.",
    "Tired all day. Cancelled the visit and felt guilty about it.",
    "The breathing exercise helped a little before the afternoon dip.",
    "Slept through. I had forgotten what that is like.",
    "Talked with my sister about the session. It was easier than I thought.",
)


def _medication(
    who: Simulated, enrolled_on: date, day: int, chance: random.Random
) -> Iterator[dict[str, Any]]:
    at = time(8, chance.randrange(60))
    if chance.random() < 0.92:
        taken: dict[str, Any] = {
            "medication": "sertraline", "outcome": "taken", "dose_value": 100.0, "dose_unit": "mg",
        }  # fmt: skip
    else:
        taken = {"medication": "sertraline", "outcome": "skipped", "reason": "forgot"}
    yield _record(who, "medication_use", enrolled_on, day, at, taken, "sertraline")
    opioid = who.trajectory.opioid_mg
    if opioid:
        steps = max(0, day - FIRST_SESSION - 14) // 14
        dose = max(0.0, opioid - 10 * steps) if who.trajectory.tapers else opioid
        use: dict[str, Any] = {"medication": "oxycodone", "outcome": "skipped", "reason": "advised"}
        if dose:
            use = {"medication": "oxycodone", "outcome": "taken", "dose_value": dose, "dose_unit": "mg"}
        yield _record(who, "medication_use", enrolled_on, day, at, use, "oxycodone")


def _forms(
    who: Simulated, enrolled_on: date, day: int, week: int, burden: _Burden, chance: random.Random
) -> Iterator[dict[str, Any]]:
    share = who.trajectory.course(day - FIRST_SESSION)
    total = burden.phq9 * share + chance.gauss(0, 1.2)
    wanted = who.trajectory.item9_on
    positive = wanted is not None and week in {8, WEEKS - 1}
    phq9 = _spread(total, len(PHQ9) - 1, 3, chance)
    phq9.append(1 + (week == WEEKS - 1) if positive else 0)
    at = time(19, chance.randrange(60))
    yield _form(who, enrolled_on, day, at, "phq-9", "1999", dict(zip(PHQ9, phq9, strict=True)))
    gad7 = _spread(0.75 * total, len(GAD7), 3, chance)
    yield _form(who, enrolled_on, day, at, "gad-7", "2006", dict(zip(GAD7, gad7, strict=True)))
    peg = [burden.pain_now(share, 0.6) for _ in PEG]
    yield _form(who, enrolled_on, day, at, "peg", "2009", dict(zip(PEG, peg, strict=True)))


def _form(
    who: Simulated,
    enrolled_on: date,
    day: int,
    at: time,
    instrument: str,
    version: str,
    answers: dict[str, int],
) -> dict[str, Any]:
    data = {"instrument": instrument, "version": version, "answers": answers, "status": "complete"}
    return _record(who, "response", enrolled_on, day, at, data, instrument)


def _spread(total: float, items: int, most: int, chance: random.Random) -> list[int]:
    """Spread a total over items of 0 to ``most``, one point at a time."""
    answers = [0] * items
    for _ in range(_within(total, 0, items * most)):
        open_items = [n for n, value in enumerate(answers) if value < most]
        answers[chance.choice(open_items)] += 1
    return answers


def sent_at(who: Simulated, enrolled_on: date, week: int) -> datetime:
    """Return when the phone sends a week's records: on the evening of its last day, wherever they are then."""
    day = 7 * week + 6
    return days.instant(enrolled_on + timedelta(days=day), time(23, 30), _zone(who, day))

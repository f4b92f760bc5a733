"""
Self-monitoring besides the daily log: side effects, vital signs, sleep, practice and plan, pain in detail.

Pure. Each patient has a random stream of their own for it, so that the courses of ``simulate`` do not depend on it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from tracker.lib import days

# Two weeks at a time: before treatment, on both sides of a flight to New York, and now.
SLEEP_DIARY = (range(14), range(63, 77), range(168, 182))
PLAN_DAY = 16
_PRACTICES = ("walking_or_aerobic", "breathing_exercise", "mindfulness_meditation", "stretching")
_REGIONS = (
    ({"code": "lower_back", "side": "left"}, {"code": "lower_back", "side": "right"}),
    ({"code": "knee", "side": "left"}, {"code": "neck", "side": "mid"}),
    ({"code": "shoulder", "side": "right"}, {"code": "hand", "side": "right"}),
)


class Entry(NamedTuple):
    """One record before it gets its id, zone and instant; ``at`` is the patient's own time of day."""

    kind: str
    at: time
    data: dict[str, Any]


@dataclass(frozen=True)
class Habits:
    """What a patient logs besides: their trajectory says which."""

    vitals: bool = False
    sleep: bool = False
    practice: bool = False
    pain_detail: bool = False


@dataclass
class Diary:
    """
    The entries of one patient, day by day. Days count from enrolment.

    ``red_flags``: on which day the checklist holds an effect that needs attention, which one, and its severity.
    """

    habits: Habits
    enrolled_on: date
    session_days: Sequence[int]
    red_flags: Sequence[tuple[int, str, int]]
    chance: random.Random

    def entries(self, day: int, share: float, time_zone: str) -> Iterator[Entry]:
        """Yield what is logged on a day with ``share`` of the burden left."""
        if day in self.session_days:
            yield self._side_effects(self.session_days.index(day))
        yield from self._red_flag(day)
        if self.habits.vitals and (day % 7 == 3 or day in self.session_days):
            yield self._vitals(share)
        if self.habits.sleep and any(day in nights for nights in SLEEP_DIARY):
            yield self._night(day, share, time_zone)
        if self.habits.practice and day == PLAN_DAY:
            data = {"practice": _PRACTICES[0], "per_week": 3, "minutes": 25, "remind_at": "16:30"}
            yield Entry("plan", time(12, 30), data)
        if self.habits.practice and day > PLAN_DAY and self.chance.random() < 0.15:
            yield self._practice(share)

    def pain_detail(self, intensity: int) -> dict[str, Any]:
        """Return where and of what kind the pain is, for who says it."""
        if not self.habits.pain_detail:
            return {}
        first, second = self.chance.choice(_REGIONS)
        return {
            "regions": [first | {"intensity": intensity}, second],
            "qualities": self.chance.sample(("aching", "burning", "shooting", "throbbing"), 2),
            "trigger": self.chance.choice(("sitting", "lifting", "stress", "poor_sleep")),
            "relief": self.chance.choice(("heat", "movement", "medication", "rest")),
        }

    def _side_effects(self, number: int) -> Entry:
        """In the evening of a treatment session: strongest at the first ones, gone before the next morning."""
        worst = 2 if number < 3 else 1
        items = {
            "dissociation": self.chance.randint(worst - 1, worst),
            "dizziness": self.chance.randint(0, worst),
            "nausea": self.chance.randint(0, 1),
            "raised_blood_pressure": self.chance.randint(0, 1),
        }
        lasted = {name: 15 * self.chance.randint(2, 6) for name, grade in items.items() if grade}
        data: dict[str, Any] = {"items": items}
        if lasted:
            data["duration_minutes"] = lasted
        return Entry("side_effects", time(17, self.chance.randrange(60)), data)

    def _red_flag(self, day: int) -> Iterator[Entry]:
        items = {name: grade for on, name, grade in self.red_flags if on == day}
        if items:
            yield Entry("side_effects", time(18, 15), {"items": items})

    def _vitals(self, share: float) -> Entry:
        systolic = round(122 + 8 * share + self.chance.gauss(0, 6))
        data = {
            "systolic": systolic,
            "diastolic": systolic - self.chance.randint(42, 52),
            "heart_rate": round(66 + 6 * share + self.chance.gauss(0, 4)),
        }
        return Entry("vitals", time(7, 30 + self.chance.randrange(30)), data)

    def _night(self, day: int, share: float, time_zone: str) -> Entry:
        """The night before ``day``, logged in the morning where the patient is."""
        up_on = self.enrolled_on + timedelta(days=day)
        bed = time(22, 15 * self.chance.randrange(4))
        latency, awake = round(12 + 35 * share), round(10 + 40 * share)
        up_at = days.instant(up_on, time(6, 45), time_zone)
        bed_at = days.instant(up_on - timedelta(days=1), bed, time_zone)
        hours = self._hours(bed_at, up_at, latency + awake)
        data = {
            "bed_at": days.local(bed_at, time_zone).isoformat(),
            "up_at": days.local(up_at, time_zone).isoformat(), "hours": hours,
            "latency_minutes": latency, "awakenings": round(4 * share), "quality": round(8 - 5 * share),
        }  # fmt: skip
        return Entry("sleep", time(7, 15), data)

    def _hours(self, bed_at: datetime, up_at: datetime, awake_minutes: int) -> float:
        """What a person would say: to the quarter of an hour, and not exactly right."""
        asleep = (up_at - bed_at).total_seconds() / 3600 - awake_minutes / 60
        return round(4 * (asleep + self.chance.gauss(-0.2, 0.25))) / 4

    def _practice(self, share: float) -> Entry:
        data = {
            "practice": self.chance.choice(_PRACTICES),
            "minutes": 5 * self.chance.randint(2, 8),
            "helpful": round(8 - 3 * share + self.chance.uniform(-1, 1)),
        }
        return Entry("practice", time(16, self.chance.randrange(60)), data)

"""
The courses that simulated patients take: how the burden falls or rises, the treatment sessions, what they log. Pure.

Nothing here is a clinical claim, and no dose a recommendation.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from tracker.demo.self_monitoring import Habits

# The share of the burden that is left on a day counted from the first session: 1 is the baseline.
Course = Callable[[int], float]


def _falls(to: float, over: float) -> Course:
    return lambda day: 1.0 if day < 0 else to + (1 - to) * math.exp(-day / over)


def _relapses(day: int) -> float:
    """Better at first; the burden comes back after the third session, six weeks in."""
    return _falls(0.35, 10)(day) if day < 45 else min(1.05, 0.4 + 0.02 * (day - 45))


def _worsens(day: int) -> float:
    return 1.0 if day < 0 else min(1.6, 1 + day / 150)


@dataclass(frozen=True)
class Session:
    """A treatment session: days after the first one, by which route (a code of ``TreatmentSession``), and how much."""

    day: int
    route: str
    dose_mg: int


def _sessions(route: str, dose_mg: int, *on: int) -> tuple[Session, ...]:
    return tuple(Session(day, route, dose_mg) for day in on)


# Infusions of about 0.5 mg/kg. With esketamine 56 mg comes first, and then mostly 84 mg.
_INFUSIONS = _sessions("IV_INFUSION", 35, 0, 3, 7, 10, 14, 21, 56, 98)
_RAISED = (*_sessions("IV_INFUSION", 35, 0, 3, 7), *_sessions("IV_INFUSION", 40, 10, 14, 21, 56, 98))
_NASAL = (*_sessions("NASAL_ESKETAMINE", 56, 0), *_sessions("NASAL_ESKETAMINE", 84, 3, 7, 10, 14, 21, 56, 98))
# Acute treatment by infusion, what follows by nasal spray.
_CHANGED = (
    *_sessions("IV_INFUSION", 35, 0, 3),
    *_sessions("IV_INFUSION", 40, 7, 10),
    *_sessions("NASAL_ESKETAMINE", 56, 28),
    *_sessions("NASAL_ESKETAMINE", 84, 56, 98, 140),
)
# Acute treatment by infusion, what follows by lozenges at home, and never on a journey.
_AT_HOME = (
    *_sessions("IV_INFUSION", 35, 0, 3, 7, 10, 14, 21),
    *_sessions("TROCHE", 150, 35, 42, 84, 126, 140),
)
# The urinary ones are asked monthly under repeated dosing (the checklist in the catalogue); the newest answer is new.
_RED_FLAGS = ((77, "shortness_of_breath", 1), (181, "urinary_urgency_or_pain", 2))


@dataclass(frozen=True)
class Trajectory:
    """A stated course, how often the patient logs, and what is particular about them."""

    name: str
    says: str
    course: Course
    logs: float = 0.85
    sessions: tuple[Session, ...] = _INFUSIONS
    habits: Habits = field(default_factory=Habits)
    # Of the first patient on the trajectory alone: one page with a red flag is enough.
    red_flags: tuple[tuple[int, str, int], ...] = ()
    opioid_mg: float = 0.0
    tapers: bool = False
    travels: bool = False
    item9_on: int | None = None


TRAJECTORIES = (
    Trajectory(
        "quick responder", "much better within two weeks", _falls(0.4, 7), sessions=_CHANGED,
        habits=Habits(vitals=True, sleep=True, practice=True, pain_detail=True),
    ),
    Trajectory(
        "slow responder", "better over three months", _falls(0.45, 50), sessions=_NASAL,
        habits=Habits(vitals=True, practice=True),
    ),
    Trajectory("remitter", "hardly any symptoms left", _falls(0.1, 14), habits=Habits(practice=True)),
    Trajectory(
        "relapse", "relapse after the third session", _relapses, sessions=_sessions("IM", 50, 0, 14, 35)
    ),
    Trajectory("no change", "the same throughout", _falls(0.97, 30), habits=Habits(pain_detail=True)),
    Trajectory(
        "worsening", "slowly worse", _worsens, sessions=_RAISED,
        red_flags=_RED_FLAGS,
    ),
    Trajectory("item 9", "thoughts of self-harm in the newest PHQ-9", _falls(0.8, 40), item9_on=-1),
    Trajectory("opioid taper", "oxycodone tapered to none", _falls(0.55, 25), opioid_mg=60, tapers=True),
    Trajectory("logs little", "an entry now and then", _falls(0.6, 30), logs=0.2),
    Trajectory(
        "travels", "three weeks in New York, two in Tokyo", _falls(0.5, 20), travels=True, habits=Habits(sleep=True),
        sessions=_AT_HOME,
    ),
)  # fmt: skip

"""
Escalation: what a finding is, when the next step of an alert is due, and whom it asks. Pure.

Steps: ``docs/alerts.md``, which names their source. A clinic's policy may raise a level, never lower it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import get_args
from uuid import UUID

from tracker.instruments.base import AlertLevel

# An answer that arrives this late still alerts; it is marked, so that the reader knows.
HISTORICAL_AFTER = timedelta(days=7)

_STEPS = (timedelta(minutes=15), timedelta(minutes=30), timedelta(minutes=60))
_AFTERWARDS = timedelta(minutes=60)
TEAM_STEPS = 2
# Answers that join an open alert are told together, a patient's at most so often (docs/alerts.md).
NOTIFY_AGAIN_AFTER = timedelta(minutes=10)
GRAVEST_FIRST = tuple(level.upper() for level in get_args(AlertLevel.__value__))


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a clinician must see: which rule, how soon, which record, when answered, whether stored."""

    rule: str
    level: str
    source_kind: str
    source_id: UUID
    answered_at: datetime
    answered_on: date
    value: float | None = None
    stored: bool = True
    rule_version: int = 1
    # What tells one content of the answer's record from another; the same for an exact replay.
    version: str = ""


def is_historical(finding: Finding, received_at: datetime) -> bool:
    """Return whether the answer was already older than 7 days when it arrived."""
    return received_at - finding.answered_at > HISTORICAL_AFTER


def gravity(level: str) -> int:
    """Return the place of a level among all, 0 for the gravest; one that is not known is taken for that."""
    return GRAVEST_FIRST.index(level) if level in GRAVEST_FIRST else 0


def is_graver(level: str, than: str) -> bool:
    """Return whether ``level`` is graver than another."""
    return gravity(level) < gravity(than)


def step_due_at(began_at: datetime, steps_taken: int) -> datetime:
    """
    Return when the next step is due if nobody has acknowledged: 15, 30, 60 minutes, then every 60.

    The clock runs from the server's receipt, never from the phone's time.
    """
    if steps_taken < len(_STEPS):
        return began_at + _STEPS[steps_taken]
    return began_at + _STEPS[-1] + _AFTERWARDS * (steps_taken - len(_STEPS) + 1)


def notifies_whole_clinic(step: int) -> bool:
    """Return whether a step (1 is the first reminder) goes beyond the patient's own team."""
    return step > TEAM_STEPS

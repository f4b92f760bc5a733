"""What happened, as the patient lived it: one table per kind, and what is derived from them."""

from tracker.records.models.base import Epoch, FormerVersion, Recorded, Timeline
from tracker.records.models.body import SideEffects, Vitals
from tracker.records.models.diary import (
    DailyLog,
    JournalEntry,
    JournalText,
    MedicationUse,
    PainEntry,
    PracticeEntry,
    SleepEntry,
    Unshared,
)
from tracker.records.models.observed import Current, Observation
from tracker.records.models.plans import MergedEdit, Plan
from tracker.records.models.responses import Response, Score
from tracker.records.models.treatment import TreatmentSession

__all__ = [
    "Current",
    "DailyLog",
    "Epoch",
    "FormerVersion",
    "JournalEntry",
    "JournalText",
    "MedicationUse",
    "MergedEdit",
    "Observation",
    "PainEntry",
    "Plan",
    "PracticeEntry",
    "Recorded",
    "Response",
    "Score",
    "SideEffects",
    "SleepEntry",
    "Timeline",
    "TreatmentSession",
    "Unshared",
    "Vitals",
]

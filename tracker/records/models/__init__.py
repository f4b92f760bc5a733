"""What happened, as the patient lived it: one table per kind, and what is derived from them."""

from tracker.records.models.base import ChangeCounter, Epoch, FormerVersion, PatientRecord
from tracker.records.models.body import SideEffects, Vitals
from tracker.records.models.diary import (
    AccessRevocation,
    DailyLog,
    JournalEntry,
    JournalText,
    MedicationUse,
    PainEntry,
    PracticeEntry,
    SleepEntry,
)
from tracker.records.models.observed import MeasureState, Observation
from tracker.records.models.plans import MergedEdit, Plan
from tracker.records.models.responses import Response, Score
from tracker.records.models.treatment import TreatmentSession

__all__ = [
    "AccessRevocation",
    "ChangeCounter",
    "DailyLog",
    "Epoch",
    "FormerVersion",
    "JournalEntry",
    "JournalText",
    "MeasureState",
    "MedicationUse",
    "MergedEdit",
    "Observation",
    "PainEntry",
    "PatientRecord",
    "Plan",
    "PracticeEntry",
    "Response",
    "Score",
    "SideEffects",
    "SleepEntry",
    "TreatmentSession",
    "Vitals",
]

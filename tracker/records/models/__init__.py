"""What happened, as the patient lived it: one table per kind, and what is derived from them."""

from tracker.records.models.base import FormerVersion, Recorded, Timeline
from tracker.records.models.diary import DailyLog, JournalEntry, JournalText, MedicationUse, PainEntry
from tracker.records.models.observed import Current, Observation
from tracker.records.models.responses import Response, Score
from tracker.records.models.treatment import TreatmentSession

__all__ = [
    "Current",
    "DailyLog",
    "FormerVersion",
    "JournalEntry",
    "JournalText",
    "MedicationUse",
    "Observation",
    "PainEntry",
    "Recorded",
    "Response",
    "Score",
    "Timeline",
    "TreatmentSession",
]

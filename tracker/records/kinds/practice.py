"""Practice: something done for oneself between sessions."""

from collections.abc import Iterator
from typing import Annotated

from django.db import models
from pydantic import Field

from tracker.access.policy import Category
from tracker.instruments.measures import Measure
from tracker.lib.constraints import code_or_null, within
from tracker.lib.formatting import joined, label, of_ten
from tracker.lib.strict_model import code_from
from tracker.records.kinds.base import Kind, Payload, Scale0To10, present
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table
from tracker.records.value_sets import PRACTICES


class PracticeEntry(PatientRecord):
    """Something done for oneself between sessions: for how many minutes, and how helpful it was (0-10, 10 is most)."""

    practice = models.CharField(max_length=40)
    minutes = models.SmallIntegerField(null=True)
    helpful = models.SmallIntegerField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("practice", Category.MOOD, caregivers_write=True),
            code_or_null("practice", PRACTICES, name="practice_is_known"),
            within("minutes", 0, 600, name="practice_0_to_600_minutes"),
            within("helpful", 0, 10, name="practice_helpful_0_to_10"),
        ]


class PracticeData(Payload):
    """Something done for oneself: minutes 0 to 600, helpful 0 (not at all) to 10 (very)."""

    practice: code_from("Practice", PRACTICES)  # type: ignore[valid-type]
    minutes: Annotated[int, Field(ge=0, le=600)] | None = None
    helpful: Scale0To10 | None = None


def observations(data: PracticeData) -> Iterator[tuple[str, float]]:
    """Minutes of practice, and how helpful it was (0-10)."""
    yield from present("practice", data, "minutes", "helpful")


def line(data: PracticeData) -> str:
    """Return ``walking or aerobic, 25 min, helpful 7 of 10``."""
    minutes = "" if data.minutes is None else f"{data.minutes} min"
    return joined(label(data.practice), minutes, of_ten("helpful", data.helpful))


KIND = Kind(
    name="practice",
    noun="practice",
    plural="practices",
    label="Practice",
    model=PracticeEntry,
    payload=PracticeData,
    category=Category.MOOD,
    caregivers_write=True,
    measures=(
        Measure(
            "practice.minutes", "Practice", "min", 0, 600, "higher_better", "wellbeing", cadence_days=None,
            aggregation="sum",
        ),
        Measure(
            "practice.helpful", "Helpfulness of practice", "", 0, 10, "higher_better", "wellbeing", cadence_days=None
        ),
    ),
    observations=observations,
    example={
        "practice": "walking_or_aerobic",
        "minutes": 25,
        "helpful": 7,
    },
    line=line,
)  # fmt: skip

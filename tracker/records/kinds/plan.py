"""Plan: what a patient means to do, the one kind of record that is merged field by field."""

import re
from datetime import time
from typing import Annotated, Any

from django.db import models
from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.access.rls import by_category
from tracker.audit.append_only import append_only
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import code_or_null, within
from tracker.lib.formatting import joined, label
from tracker.lib.strict_model import code_from
from tracker.lib.table_rights import APPEND_ONLY
from tracker.records.kinds.base import Kind, Payload
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table
from tracker.records.value_sets import PRACTICES

_HH_MM = re.compile(r"^([01][0-9]|2[0-3]):[0-5][0-9]$")


class Plan(PatientRecord):
    """
    An intention between sessions: a practice, how often a week, for how long, at what local time of day.

    A plan is no fact but a wish in the making: two devices that edit different fields of it both keep their edit.
    """

    practice = models.CharField(max_length=40)
    per_week = models.SmallIntegerField(null=True)
    minutes = models.SmallIntegerField(null=True)
    remind_at = models.TimeField(null=True)
    paused = models.BooleanField(default=False)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("plan", Category.MOOD),
            code_or_null("practice", PRACTICES, name="plan_practice_is_known"),
            within("per_week", 1, 70, name="plan_1_to_70_times_a_week"),
            within("minutes", 1, 600, name="plan_1_to_600_minutes"),
        ]


class MergedEdit(PatientOwned):
    """
    An edit of a plan that was made without knowing of ours, and merged into it.

    ``sent_revision`` and ``fingerprint`` tell when it arrives again, which changes nothing. ``overwritten`` holds the
    values that another edit of the same field had and that this one replaced: the copy that its author is shown.
    """

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    record_id = models.UUIDField()
    sent_revision = models.PositiveIntegerField()
    fingerprint = models.BinaryField(max_length=32)
    merged_revision = models.PositiveIntegerField()
    overwritten = models.JSONField()
    merged_at = models.DateTimeField()

    class Meta:
        constraints = [
            *by_category(Category.MOOD),
            *append_only(),
            models.UniqueConstraint(
                fields=["patient", "record_id", "fingerprint", "sent_revision"], name="merged_edit_once"
            ),
        ]

    def __str__(self) -> str:
        return f"merged-edit/{self.pk}"


def _time_of_day(value: Any) -> time:
    if isinstance(value, time):
        return value
    if isinstance(value, str) and _HH_MM.match(value):
        return time.fromisoformat(value)
    raise PydanticCustomError("not_a_time", "must be a local time, HH:MM")


def _hh_mm(value: time) -> str:
    return value.strftime("%H:%M")


TimeOfDay = Annotated[
    time,
    BeforeValidator(_time_of_day),
    PlainSerializer(_hh_mm),
    WithJsonSchema({"type": "string", "pattern": _HH_MM.pattern}),
]


class PlanData(Payload):
    """A practice one means to do: times a week (1-70), minutes (1-600), local time to be reminded at (HH:MM)."""

    practice: code_from("Practice", PRACTICES)  # type: ignore[valid-type]
    per_week: Annotated[int, Field(ge=1, le=70)] | None = None
    minutes: Annotated[int, Field(ge=1, le=600)] | None = None
    # Two versions are merged as the wire has them: a time is equal to itself however it arrived.
    remind_at: TimeOfDay | None = None
    paused: bool = False


def from_row(row: Any) -> dict[str, Any]:
    """Return a plan's data, its time of day as the wire has it."""
    data = {name: getattr(row, name) for name in KIND.columns}
    data["remind_at"] = row.remind_at and _hh_mm(row.remind_at)
    return {name: value for name, value in data.items() if value is not None}


def line(data: PlanData) -> str:
    """Return ``walking or aerobic, 5 times a week, 10 min``."""
    often = "" if data.per_week is None else f"{data.per_week} times a week"
    minutes = "" if data.minutes is None else f"{data.minutes} min"
    return joined(label(data.practice), often, minutes, "paused" if data.paused else "")


KIND = Kind(
    name="plan",
    noun="plan",
    plural="plans",
    label="Plan",
    model=Plan,
    payload=PlanData,
    category=Category.MOOD,
    merges=True,
    from_row=from_row,
    example={
        "practice": "breathing_exercise",
        "per_week": 5,
        "minutes": 10,
        "remind_at": "08:30",
        "paused": False,
    },
    line=line,
)

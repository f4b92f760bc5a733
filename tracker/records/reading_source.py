"""
Where a reading comes from, and which of several sources counts. Pure.

A watch and a phone measure the same pulse and the same night. Of one measure and one local day the readings of one
source count, or they would count double: what a person wrote or typed first, then a device made for measuring,
then what is worn, then the phone; of two apps on the same kind of device the one whose name comes first. The others are
kept, shown with ``counted`` false, and count as soon as those before them are removed.
"""

from typing import Annotated

from django.db import models
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.lib.strict_model import StrictModel, code_from


class Origin(models.TextChoices):
    """How a record came to be: entered with this product, or brought along from another one."""

    ENTERED = "entered", "entered here"
    IMPORTED = "imported", "brought along from elsewhere"


class SourceDevice(models.TextChoices):
    """What a reading was made with, in the order in which the readings of a day count."""

    MEDICAL_DEVICE = "medical_device", "made for it: a cuff, a scale, a thermometer, an oximeter"
    RING = "ring", "a ring"
    WATCH = "watch", "a watch or a band"
    PHONE = "phone", "a phone"
    OTHER = "other", "something else"


class SourceWho(models.TextChoices):
    """Who gave the reading to the app."""

    PATIENT = "patient", "the patient, by hand"
    CAREGIVER = "caregiver", "a caregiver, by hand"
    DEVICE = "device", "a device, by itself"


BY_HAND = frozenset({SourceWho.PATIENT.value, SourceWho.CAREGIVER.value})
_ORDER = {device: place for place, device in enumerate(SourceDevice.values, 1)}


class Source(StrictModel):
    """
    Where a reading comes from: the device, the app or service by its own name, and who gave it.

    Without a source an entry is the person's own. Of one measure and one local day the readings of one source count:
    by hand, then in the order of the devices, then by the name of the app.
    """

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    device: code_from("SourceDevice", SourceDevice.values) | None = None  # type: ignore[valid-type]
    app: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}$")] | None = None
    who: code_from("SourceWho", SourceWho.values) | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _says_something(self) -> "Source":
        if (self.device, self.app, self.who) == (None, None, None):
            raise PydanticCustomError("empty", "must name a device, an app or who")
        return self


def order(source: Source | None) -> str:
    """Return the place of a source among those of a day, as a text to sort by; the empty one comes first."""
    if source is None or source.who in BY_HAND:
        return ""
    return f"{_ORDER[source.device or SourceDevice.OTHER.value]} {source.app or ''}"


def counted_sql(row: str, earliest: str) -> str:
    """
    SQL: whether an observation, called ``row``, counts in numbers. ``earliest`` is the first day that may (SQL, twice).

    Not where the clock is known to be wrong, save for what is marked as imported; not within the capacity guard
    (``capacity_guard``); nor where another source of the same measure and day comes first.
    """
    return (
        f"{row}.clock_skew <> 'ahead' AND ({row}.local_date >= {earliest} OR {row}.origin = 'imported')"
        f" AND NOT {row}.is_in_capacity_guard"
        f" AND ({row}.source_order = '' OR NOT EXISTS (SELECT 1 FROM records_observation AS before"
        f" WHERE before.patient_id = {row}.patient_id AND before.measure = {row}.measure"
        f" AND before.local_date = {row}.local_date AND before.clock_skew <> 'ahead'"
        f" AND NOT before.is_in_capacity_guard"
        f" AND (before.local_date >= {earliest} OR before.origin = 'imported')"
        f" AND before.source_order < {row}.source_order))"
    )

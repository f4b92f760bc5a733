"""
Where a reading comes from, and which of several sources counts. Pure.

A watch and a phone measure the same pulse and the same night. Of one measure and one local day the readings of one
source count, or they would count double: what the patient wrote or typed first, then a device made for measuring,
then what is worn, then the phone; of two apps on the same kind of device the one whose name comes first; and last what
a caregiver says. The others are kept, shown with ``counted`` false, and count as soon as those before are removed.

Pain and mood are what the patient says they are. What a caregiver says of them stands for the patient only on a day of
which she says nothing, and is marked. What adds up to a day's total (doses, minutes) adds up whoever entered it: the
tablet that a caregiver gave is one more.
"""

from datetime import date
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


_ORDER = {device: place for place, device in enumerate(SourceDevice.values, 1)}
_BY_CAREGIVER = str(len(_ORDER) + 1)


class Source(StrictModel):
    """
    Where a reading comes from: the device, the app or service by its own name, and who gave it.

    Without a source an entry is the person's own. Of one measure and one local day the readings of one source count:
    the patient's by hand, then in the order of the devices, then by the name of the app, then a caregiver's by hand.
    What a caregiver reads off a medical device is that device's. Doses and minutes add up, whoever entered them.
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


def is_by_caregiver(source: Source | None) -> bool:
    """Return whether a caregiver gave the reading."""
    return source is not None and source.who == SourceWho.CAREGIVER


def order(source: Source | None, *, adds_up: bool = False) -> str:
    """
    Return the place of a source among those of a day, as a text to sort by; the empty one comes first.

    ``adds_up`` says that the measure is a day's total.
    """
    if source is None or source.who == SourceWho.PATIENT or (adds_up and is_by_caregiver(source)):
        return ""
    if is_by_caregiver(source) and source.device != SourceDevice.MEDICAL_DEVICE:
        return _BY_CAREGIVER
    return f"{_ORDER[source.device or SourceDevice.OTHER.value]} {source.app or ''}"


def plausible_sql(row: str, earliest: str) -> str:
    """
    SQL: whether an observation, called ``row``, may count. ``earliest`` is the first day that may.

    Not where the clock is known to be wrong, save for what is marked as imported; and not within the capacity guard
    (``capacity_guard``).
    """
    return (
        f"({row}.clock_skew <> 'ahead' AND ({row}.local_date >= {earliest} OR {row}.origin = 'imported')"
        f" AND NOT {row}.is_in_capacity_guard)"
    )


def is_plausible(
    clock_skew: str, origin: str, local_date: date, earliest: date, *, is_in_capacity_guard: bool
) -> bool:
    """Whether an observation may count, as ``plausible_sql`` says."""
    is_believed = clock_skew != "ahead" and (local_date >= earliest or origin == Origin.IMPORTED)
    return is_believed and not is_in_capacity_guard


def counted_sql(where: str, earliest: str) -> str:
    """
    SQL: a subquery of those observations, called ``o`` in ``where``, that count in numbers.

    Of each measure and day those of the first source that may count (``plausible_sql``). ``where`` names one patient,
    and measures and whole days: a source that it left out would let a later one count. The first source is looked for
    once a day and not once a reading, since a watch makes thousands of them.
    """
    return (
        "(SELECT * FROM (SELECT o.*, min(o.source_order) OVER (PARTITION BY o.measure, o.local_date) AS first_order"
        f" FROM records_observation AS o WHERE {where} AND {plausible_sql('o', earliest)}) AS o"
        " WHERE o.source_order = o.first_order)"
    )

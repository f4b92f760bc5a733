"""Pain: how much, where and of what kind, at one moment."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Annotated, Any

from django.db import models
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments import catalogue
from tracker.instruments import measures as instrument_measures
from tracker.instruments.measures import Measure
from tracker.lib.constraints import code_or_null, codes_in_list, numbers_by_code, ordered, sql_check, within
from tracker.lib.formatting import first_of, joined, label
from tracker.lib.strict_model import StrictModel, code_from
from tracker.records.kinds.base import EACH_ONCE, Kind, Payload, Scale0To10, present
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table
from tracker.records.value_sets import MIDDLE, SIDED

QUALITIES = (
    "aching", "burning", "cold", "cramping", "electric", "heavy", "itching", "numb", "pressing", "sharp",
    "shooting", "stabbing", "tender", "throbbing", "tingling", "other",
)  # fmt: skip
TRIGGERS = (
    "eating", "lifting", "lying", "movement", "nothing_known", "sitting", "standing", "stress", "poor_sleep",
    "touch", "weather", "menstruation", "other",
)  # fmt: skip
RELIEFS = (
    "breathing", "cold", "company", "distraction", "heat", "massage", "medication", "movement", "nothing",
    "rest", "other",
)  # fmt: skip
_MOST_NAMED = 4


class PainEntry(PatientRecord):
    """
    Pain at one moment, 0 (none) to 10 (worst imaginable). One tap, the intensity, is a whole entry.

    ``regions`` maps a region and its side, the patient's own (``lower_back.left``), to its pain 0-10 or to null
    where it was marked without a number. ``qualities``, ``trigger`` and ``relief`` are codes.
    """

    intensity = models.SmallIntegerField()
    worst = models.SmallIntegerField(null=True)
    least = models.SmallIntegerField(null=True)
    interference = models.SmallIntegerField(null=True)
    regions = models.JSONField(null=True)
    qualities = models.JSONField(null=True)
    trigger = models.CharField(max_length=24, null=True)  # noqa: DJ001 - NULL: not asked
    relief = models.CharField(max_length=24, null=True)  # noqa: DJ001 - NULL: not asked

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("pain", Category.PAIN, caregivers_write=True),
            within("intensity", 0, 10, name="pain_intensity_0_to_10"),
            within("worst", 0, 10, name="pain_worst_0_to_10"),
            within("least", 0, 10, name="pain_least_0_to_10"),
            within("interference", 0, 10, name="pain_interference_0_to_10"),
            ordered("least", "worst", name="pain_least_up_to_worst"),
            sql_check(numbers_by_code("regions", SIDED, 0, 10, or_null=True), name="pain_regions_are_known"),
            sql_check(codes_in_list("qualities", QUALITIES), name="pain_qualities_are_known"),
            code_or_null("trigger", TRIGGERS, name="pain_trigger_is_known"),
            code_or_null("relief", RELIEFS, name="pain_relief_is_known"),
        ]


class Region(StrictModel):
    """
    Where it hurts. ``side`` is the patient's own side and is always said; ``mid`` for what has no sides.

    ``intensity`` is 0 (none) to 10 (worst imaginable), or left out where the region is only marked.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["code"], "properties": {"code": {"enum": list(MIDDLE)}}},
            "then": {"properties": {"side": {"const": "mid"}}},
            "else": {"properties": {"side": {"enum": ["left", "right"]}}},
        }
    )

    code: code_from("BodyRegion", dict.fromkeys(sided.partition(".")[0] for sided in SIDED))  # type: ignore[valid-type]
    side: code_from("BodySide", ("left", "right", "mid"))  # type: ignore[valid-type]
    intensity: Scale0To10 | None = None

    @model_validator(mode="after")
    def _has_this_side(self) -> "Region":
        if self.sided not in SIDED:
            raise PydanticCustomError("invalid_side", "this region has no such side")
        return self

    @property
    def sided(self) -> str:
        return f"{self.code}.{self.side}"


class PainData(Payload):
    """Pain now, 0 (none) to 10 (worst imaginable); the rest is optional. ``least`` is not above ``worst``."""

    intensity: Scale0To10
    worst: Scale0To10 | None = None
    least: Scale0To10 | None = None
    interference: Scale0To10 | None = None
    regions: Annotated[list[Region], Field(min_length=1, max_length=len(SIDED)), EACH_ONCE] | None = None
    qualities: (
        Annotated[
            list[code_from("PainQuality", QUALITIES)],  # type: ignore[valid-type]
            Field(min_length=1, max_length=len(QUALITIES)),
            EACH_ONCE,
        ]
        | None
    ) = None
    trigger: code_from("PainTrigger", TRIGGERS) | None = None  # type: ignore[valid-type]
    relief: code_from("PainRelief", RELIEFS) | None = None  # type: ignore[valid-type]

    @model_validator(mode="after")
    def _says_nothing_twice(self) -> "PainData":
        marked = [region.sided for region in self.regions or ()]
        if len(set(marked)) < len(marked) or len(set(self.qualities or ())) < len(self.qualities or ()):
            raise PydanticCustomError("duplicate", "a region and a quality are named once")
        return self

    @model_validator(mode="after")
    def _least_up_to_worst(self) -> "PainData":
        if self.least is not None and self.worst is not None and self.least > self.worst:
            raise PydanticCustomError("least_above_worst", "least must not be above worst")
        return self


def to_columns(data: PainData) -> dict[str, Any]:
    """Return the columns; the regions by their side, the qualities in order."""
    return {name: getattr(data, name) for name in KIND.columns} | {
        "regions": None if data.regions is None else {region.sided: region.intensity for region in data.regions},
        "qualities": None if data.qualities is None else sorted(data.qualities),
    }  # fmt: skip


def from_row(row: Any) -> dict[str, Any]:
    """Return the data; the regions as a list."""
    data = {name: getattr(row, name) for name in KIND.columns}
    if row.regions is not None:
        data["regions"] = [_region(sided, intensity) for sided, intensity in sorted(row.regions.items())]
    return {name: value for name, value in data.items() if value is not None}


def _region(sided: str, intensity: int | None) -> dict[str, Any]:
    code, _, side = sided.partition(".")
    return {"code": code, "side": side} | ({} if intensity is None else {"intensity": intensity})


def observations(data: PainData) -> Iterator[tuple[str, float]]:
    """Pain at one moment: the intensity, and what else was tapped (0-10)."""
    yield from present("pain", data, "intensity", "worst", "least", "interference")


def catalogue_measures() -> tuple[Measure, ...]:
    """The 0-10 ratings of pain, with the bands and change rules of ``pain-nrs`` in the catalogue."""
    rating = instrument_measures.of_item(catalogue.latest("pain-nrs"), "avg24")
    return tuple(
        replace(rating, code=f"pain.{name}", label=label, instrument=None)
        for name, label in (("intensity", "Pain"), ("worst", "Worst pain"), ("least", "Least pain"))
    )


def line(row: Any) -> str:
    """Return ``6 of 10, worst 8, left knee, neck``."""
    more = [
        f"{name} {getattr(row, name)}"
        for name in ("worst", "least", "interference")
        if getattr(row, name) is not None
    ]
    regions = [_sided(region) for region in sorted(row.regions or ())]
    return joined(f"{row.intensity} of 10", *more, *first_of(regions, _MOST_NAMED))


def _sided(region: str) -> str:
    """Return ``left knee``: the patient's own side, as the clinician would say it."""
    code, _, side = region.partition(".")
    return label(code) if side == "mid" else f"{side} {label(code)}"


KIND = Kind(
    name="pain",
    noun="pain entry",
    plural="pain entries",
    label="Pain",
    model=PainEntry,
    payload=PainData,
    category=Category.PAIN,
    caregivers_write=True,
    catalogue_measures=catalogue_measures,
    measures=(
        # No bands: those of pain intensity say nothing about interference.
        Measure(
            "pain.interference", "Interference by pain", "", 0, 10, "higher_worse", "function", has_true_zero=True
        ),
    ),
    to_columns=to_columns,
    from_row=from_row,
    observations=observations,
    example={
        "intensity": 6,
        "worst": 8,
        "least": 2,
        "interference": 5,
        "regions": [
            {"code": "knee", "side": "left", "intensity": 7},
            {"code": "lower_back", "side": "right"},
            {"code": "neck", "side": "mid", "intensity": 0},
        ],
        "qualities": ["burning", "shooting"],
        "trigger": "sitting",
        "relief": "heat",
    },
    line=line,
)  # fmt: skip

"""Side effects: the checklist, as far as it was tapped."""

from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from django.db import models
from pydantic import Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments import catalogue
from tracker.instruments.measures import Measure
from tracker.lib.constraints import numbers_by_code, sql_check
from tracker.lib.formatting import first_of, joined, label
from tracker.lib.strict_model import code_from
from tracker.records.kinds.base import Kind, Payload
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table
from tracker.records.value_sets import EFFECTS

INSTRUMENT = "side-effects"
PREFIX = "side_effect."
# The one effect that is asked for by yes (1) or no (0).
YES_OR_NO = "hallucination_persisting_24h"
_YES_OR_NO_SCHEMA: JsonDict = {"type": "integer", "minimum": 0, "maximum": 1}
_SEVERITY = {1: "mild", 2: "moderate", 3: "severe"}
_MOST_NAMED = 4


class SideEffects(PatientRecord):
    """
    The side-effect checklist (``side-effects`` in the catalogue), as far as it was tapped.

    ``items`` maps an effect to its severity: 0 none, 1 mild, 2 moderate, 3 severe. An effect that is not there
    was not asked, which is not "none". ``duration_minutes`` says of some of them how long they lasted.
    """

    items = models.JSONField()
    duration_minutes = models.JSONField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("side_effects", Category.MEDICATION, caregivers_write=True),
            sql_check(numbers_by_code("items", EFFECTS, 0, 3), name="side_effects_are_known"),
            sql_check(
                numbers_by_code("duration_minutes", EFFECTS, 0, 43_200),
                name="side_effects_last_up_to_30_days",
            ),
        ]


_Effect = code_from("SideEffect", EFFECTS)


class SideEffectsData(Payload):
    """
    Severity by effect: 0 none, 1 mild, 2 moderate, 3 severe; ``hallucination_persisting_24h`` 0 no, 1 yes.

    What is left out was not asked.
    """

    items: Annotated[
        dict[_Effect, Annotated[int, Field(ge=0, le=3)]],  # type: ignore[valid-type]
        Field(min_length=1, json_schema_extra={"properties": {YES_OR_NO: _YES_OR_NO_SCHEMA}}),
    ]
    duration_minutes: (
        Annotated[dict[_Effect, Annotated[int, Field(ge=0, le=43_200)]], Field(min_length=1)] | None  # type: ignore[valid-type]
    ) = None

    @model_validator(mode="after")
    def _yes_or_no_is_0_or_1(self) -> "SideEffectsData":
        if self.items.get(YES_OR_NO, 0) > 1:
            raise PydanticCustomError("out_of_range", "is 0 for no and 1 for yes")
        return self

    @model_validator(mode="after")
    def _lasted_what_was_there(self) -> "SideEffectsData":
        if set(self.duration_minutes or ()) - set(self.items):
            raise PydanticCustomError(
                "duration_without_effect", "only an effect that is named can have lasted"
            )
        return self


def observations(data: SideEffectsData) -> Iterator[tuple[str, float]]:
    """The severity of each effect that was asked, 0 (none) to 3 (severe)."""
    for effect, severity in sorted(data.items.items()):
        yield f"{PREFIX}{effect}", severity


@lru_cache(maxsize=256)
def measure_of(code: str) -> Measure | None:
    """The severity of one side effect, in the words of the checklist's newest version."""
    item = catalogue.latest(INSTRUMENT).item.get(code.removeprefix(PREFIX))
    if item is None or item.text is None:
        return None
    high = 1 if code == PREFIX + YES_OR_NO else 3
    return Measure(code, item.text["en"], "", 0, high, "higher_worse", "other", cadence_days=None)


def line(data: SideEffectsData) -> str:
    """Return ``nausea (moderate), headache (mild)``, the worst first."""
    there = sorted((-severity, effect) for effect, severity in data.items.items() if severity)
    effects = [
        label(effect) if effect == YES_OR_NO else f"{label(effect)} ({_SEVERITY[-grade]})"
        for grade, effect in there
    ]
    return joined(*first_of(effects, _MOST_NAMED)) or "none"


KIND = Kind(
    name="side_effects",
    noun="side-effect checklist",
    plural="side-effect checklists",
    label="Side effects",
    model=SideEffects,
    payload=SideEffectsData,
    category=Category.MEDICATION,
    caregivers_write=True,
    measure_prefix=PREFIX,
    measure_of=measure_of,
    listed_measures=lambda: (measure_of(PREFIX + effect) for effect in EFFECTS),
    instrument=INSTRUMENT,
    observations=observations,
    example={
        "items": {"nausea": 2, "headache": 0},
        "duration_minutes": {"nausea": 90},
    },
    line=line,
)

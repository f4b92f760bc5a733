"""Values that each constraint of the diary's newer kinds lets through, and values that it refuses."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db import models

from tests import factories
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.plan import Plan
from tracker.records.kinds.practice import PracticeEntry
from tracker.records.kinds.side_effects import SideEffects
from tracker.records.kinds.sleep import SleepEntry
from tracker.records.kinds.vitals import Vitals

HOUR = timedelta(hours=1)
BARE = {"bed_at": None, "up_at": None, "hours": None, "quality": None}
NO_PRESSURE: dict[str, Any] = {"systolic": None, "diastolic": None}


@dataclass(frozen=True)
class Case:
    """Values that a constraint lets through, each a change to a valid row, and values that it refuses."""

    model: type[models.Model]
    accepted: tuple[Mapping[str, Any], ...]
    refused: tuple[Mapping[str, Any], ...]


def scale(model: type[models.Model], field: str, low: Any, high: Any, step: Any = 1, **more: Any) -> Case:
    """Both ends and nothing at all go in; one beyond each end does not."""
    inside = tuple(more | {field: value} for value in (low, high))
    outside = tuple(more | {field: value} for value in (low - step, high + step))
    return Case(model, inside, outside)


def codes(model: type[models.Model], field: str, known: tuple[str, ...], **more: Any) -> Case:
    unknown = ("", "ELSE", known[0].swapcase())
    return Case(
        model,
        tuple(more | {field: code} for code in known),
        tuple(more | {field: code} for code in unknown),
    )


def effects(**items: Any) -> dict[str, Any]:
    return {"items": items}


# What no column of regions may hold.
NO_REGIONS: tuple[Any, ...] = (
    {}, [], "x", 3, {"lower_back": 3}, {"knee.mid": 3}, {"neck.left": 3}, {"knee.left": 11}, {"knee.left": -1},
    {"knee.left": 2.5}, {"knee.left": "3"}, {"knee.left": True}, {"knee.left": {}},
)  # fmt: skip
NEWER: dict[str, Case] = {
    "pain_regions_are_known": Case(
        PainEntry,
        (
            {"regions": {"lower_back.left": 0}},
            {"regions": {"knee.right": 10, "neck.mid": None}},
            {"regions": None},
        ),
        tuple({"regions": regions} for regions in NO_REGIONS),
    ),
    "pain_qualities_are_known": Case(
        PainEntry,
        ({"qualities": ["burning"]}, {"qualities": ["aching", "other"]}, {"qualities": None}),
        ({"qualities": []}, {"qualities": ["hot"]}, {"qualities": {"burning": 1}}, {"qualities": "burning"}),
    ),
    "pain_trigger_is_known": codes(PainEntry, "trigger", ("movement", "other")),
    "pain_relief_is_known": codes(PainEntry, "relief", ("heat", "nothing")),
    "practice_is_known": codes(PracticeEntry, "practice", ("walking_or_aerobic", "other")),
    "practice_0_to_600_minutes": scale(PracticeEntry, "minutes", 0, 600),
    "practice_helpful_0_to_10": scale(PracticeEntry, "helpful", 0, 10),
    "sleep_has_an_answer": Case(SleepEntry, (BARE | {"awakenings": 0},), (BARE,)),
    "sleep_up_within_a_day_of_bed": Case(
        SleepEntry,
        (
            {"bed_at": factories.MONDAY, "up_at": factories.MONDAY + 24 * HOUR},
            {"bed_at": factories.MONDAY, "up_at": None},
        ),
        (
            {"bed_at": factories.MONDAY, "up_at": factories.MONDAY},
            {"bed_at": factories.MONDAY, "up_at": factories.MONDAY + 25 * HOUR},
        ),
    ),
    "sleep_hours_0_to_24": scale(SleepEntry, "hours", Decimal(0), Decimal(24), Decimal("0.25")),
    "sleep_latency_0_to_1440_minutes": scale(SleepEntry, "latency_minutes", 0, 1440),
    "sleep_awakenings_0_to_100": scale(SleepEntry, "awakenings", 0, 100),
    "sleep_awake_0_to_1440_minutes": scale(SleepEntry, "awake_minutes", 0, 1440),
    "sleep_quality_0_to_10": scale(SleepEntry, "quality", 0, 10),
    "side_effects_are_known": Case(
        SideEffects,
        (effects(nausea=0), effects(nausea=3, chest_pain=1)),
        (
            {"items": {}}, {"items": []}, effects(boredom=1), effects(nausea=4), effects(nausea=-1),
            effects(nausea=None), effects(nausea="2"), effects(nausea=1.5),
        ),
    ),
    "side_effects_last_up_to_30_days": Case(
        SideEffects,
        ({"duration_minutes": {"nausea": 0}}, {"duration_minutes": {"nausea": 43_200}}, {"duration_minutes": None}),
        ({"duration_minutes": {"nausea": 43_201}}, {"duration_minutes": {"x": 1}}, {"duration_minutes": {}}),
    ),
    "vitals_have_a_value": Case(
        Vitals, (NO_PRESSURE | {"spo2": 97},), (NO_PRESSURE, NO_PRESSURE | {"self_measured": False})
    ),
    "vitals_systolic_40_to_300": scale(Vitals, "systolic", 40, 300, diastolic=20),
    "vitals_diastolic_20_to_200": scale(Vitals, "diastolic", 20, 200, systolic=300),
    "vitals_pressure_has_both_values": Case(
        Vitals, (NO_PRESSURE | {"heart_rate": 60},), ({"diastolic": None}, {"systolic": None})
    ),
    "vitals_systolic_above_diastolic": Case(
        Vitals, ({"systolic": 81, "diastolic": 80},), ({"systolic": 80, "diastolic": 80},)
    ),
    "vitals_heart_rate_20_to_300": scale(Vitals, "heart_rate", 20, 300),
    "vitals_respiratory_rate_3_to_80": scale(Vitals, "respiratory_rate", 3, 80),
    "vitals_spo2_50_to_100": scale(Vitals, "spo2", 50, 100),
    "vitals_temperature_30_to_45": scale(Vitals, "temperature_c", Decimal(30), Decimal(45), Decimal("0.1")),
    "vitals_weight_20_to_400": scale(Vitals, "weight_kg", Decimal(20), Decimal(400), Decimal("0.01")),
    "plan_practice_is_known": codes(Plan, "practice", ("walking_or_aerobic", "other")),
    "plan_1_to_70_times_a_week": scale(Plan, "per_week", 1, 70),
    "plan_1_to_600_minutes": scale(Plan, "minutes", 1, 600),
}  # fmt: skip

"""
Limits of monitoring around a dose: the clinic's settings, with the project's defaults. Pure.

Sources of the defaults (each is a setting of the clinic; a clinician confirms them): blood pressure before a dose above
140 mmHg systolic or 90 mmHg diastolic, reassessed about 40 minutes after it, observation for at least 2 hours after
esketamine, the escort: prescribing information of esketamine nasal spray (Spravato, FDA, 2019 and later). Blood
pressure and heart rate were back within 1.5 hours of an infusion in 49 inpatients, measured at 0, 15, 30, 45, 60 and 90
minutes (Szarmach et al. 2020, Neuropsychiatr Dis Treat 16:2539). Sedation by the Modified Observer's Assessment of
Alertness/Sedation (Chernik et al. 1990, J Clin Psychopharmacol 10(4):244). All others are general practice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tracker.treatment.products import Route

# How long a patient is observed after the last dose, in minutes.
_OBSERVATION: Mapping[Route, int] = MappingProxyType(
    {
        Route.IV_INFUSION: 30,
        Route.IM: 90,
        Route.SC: 90,
        Route.ORAL: 120,
        Route.TROCHE: 120,
        Route.SUBLINGUAL: 120,
        Route.NASAL_RACEMIC: 90,
        Route.NASAL_ESKETAMINE: 120,
        Route.RECTAL: 120,
    }
)
# When vital signs are due after a dose, in minutes; during an infusion every so many minutes, and after its end.
SERIES: Mapping[Route, tuple[int, ...]] = MappingProxyType(
    {
        Route.IV_INFUSION: (15, 30),
        Route.IM: (15, 30, 60, 90),
        Route.SC: (15, 30, 60, 90),
        Route.ORAL: (30, 60, 120),
        Route.TROCHE: (30, 60, 120),
        Route.SUBLINGUAL: (30, 60, 120),
        Route.NASAL_RACEMIC: (40, 90),
        Route.NASAL_ESKETAMINE: (40, 90, 120),
        Route.RECTAL: (30, 60, 120),
    }
)
DURING_INFUSION = 15
# At home the patient measures before the dose and an hour after it.
SERIES_AT_HOME = (60,)
# What no clinic may go below or above: the 2 hours after esketamine are its label's.
SHORTEST_OBSERVATION: Mapping[Route, int] = MappingProxyType({Route.NASAL_ESKETAMINE: 120})


@dataclass(frozen=True, slots=True)
class Limits:
    """
    The clinic's limits: pressures in mmHg, rates per minute, saturation in percent, times in minutes or hours.

    Above ``pre_dose_*`` a dose takes a recheck or a decision. ``pressure_above_baseline`` is how far above the reading
    before the dose a systolic pressure may be at discharge. ``capacity_hours`` is how long after a dose no
    questionnaire counts; ``close_hours`` how long after the last dose a session at home may stay open.
    """

    pre_dose_systolic: int = 140
    pre_dose_diastolic: int = 90
    recheck_minutes: int = 15
    crisis_systolic: int = 180
    crisis_diastolic: int = 120
    spo2_prompt: int = 94
    spo2_emergency: int = 90
    heart_rate_low: int = 50
    heart_rate_high: int = 130
    respiratory_rate_low: int = 10
    moaas_awake: int = 4
    pressure_above_baseline: int = 20
    dissociation_above_baseline: int = 1
    weight_days: int = 30
    capacity_hours: int = 4
    close_hours: int = 4
    observation_minutes: Mapping[Route, int] = field(default_factory=lambda: dict(_OBSERVATION))

    def observation(self, route: Route) -> int:
        """Minutes of observation after the last dose, never less than the product's label asks."""
        minutes = self.observation_minutes.get(route, _OBSERVATION[route])
        return max(minutes, SHORTEST_OBSERVATION.get(route, 0))


DEFAULTS = Limits()
# What a clinic may choose from: (lowest, highest) of each limit.
BOUNDS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "pre_dose_systolic": (110, 160),
        "pre_dose_diastolic": (60, 100),
        "recheck_minutes": (5, 60),
        "crisis_systolic": (160, 200),
        "crisis_diastolic": (100, 120),
        "spo2_prompt": (90, 98),
        "spo2_emergency": (85, 94),
        "heart_rate_low": (35, 60),
        "heart_rate_high": (100, 160),
        "respiratory_rate_low": (8, 14),
        "moaas_awake": (4, 5),
        "pressure_above_baseline": (0, 40),
        "dissociation_above_baseline": (0, 5),
        "weight_days": (1, 180),
        "capacity_hours": (2, 24),
        "close_hours": (1, 12),
    }
)
OBSERVATION_BOUNDS = (15, 480)
# Of each pair the first is below the second.
ORDERED = (
    ("pre_dose_systolic", "crisis_systolic"),
    ("pre_dose_diastolic", "crisis_diastolic"),
    ("spo2_emergency", "spo2_prompt"),
    ("heart_rate_low", "heart_rate_high"),
)


class OutOfBounds(ValueError):
    """A limit is beyond what a clinic may choose; ``name`` says which, ``low`` and ``high`` what it may choose."""

    def __init__(self, name: str, low: int, high: int) -> None:
        super().__init__(f"{name} is not from {low} to {high}")
        self.name, self.low, self.high = name, low, high


def check(wanted: Limits) -> None:
    """
    Look whether a clinic may choose these limits.

    :raises OutOfBounds: if one of them is beyond its bounds.
    """
    for name, (low, high) in BOUNDS.items():
        if not low <= getattr(wanted, name) <= high:
            raise OutOfBounds(name, low, high)
    for lower, upper in ORDERED:
        if getattr(wanted, lower) >= getattr(wanted, upper):
            raise OutOfBounds(upper, getattr(wanted, lower) + 1, BOUNDS[upper][1])
    for route, minutes in wanted.observation_minutes.items():
        low, high = SHORTEST_OBSERVATION.get(route, OBSERVATION_BOUNDS[0]), OBSERVATION_BOUNDS[1]
        if not low <= minutes <= high:
            raise OutOfBounds(f"observation_{route.lower()}", low, high)

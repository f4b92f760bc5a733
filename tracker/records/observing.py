"""
A record to its observations. Pure: values in, (measure, value) out.

A missing answer gives no observation; it is never a zero. A skipped dose is none taken: 0 mg. Doses in a
unit without a mass (tablets, sprays) give no observation, since their strength is not known here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

_DAILY = ("pain_avg", "pain_worst", "mood", "anxiety", "function", "sleep_hours", "sleep_quality")
_SLEEP = ("hours", "latency_minutes", "awakenings", "awake_minutes", "quality")
_VITALS = ("systolic", "diastolic", "heart_rate", "respiratory_rate", "spo2", "temperature_c", "weight_kg")
_MG = {"mg": 1.0, "mcg": 0.001}


def of_pain(data: Any) -> Iterator[tuple[str, float]]:
    """Pain at one moment: the intensity, and what else was tapped (0-10)."""
    yield "pain.intensity", data.intensity
    for name in ("worst", "least", "interference"):
        value = getattr(data, name)
        if value is not None:
            yield f"pain.{name}", value


def of_daily(data: Any) -> Iterator[tuple[str, float]]:
    """The numeric items of a daily log, each on its own scale; the safety question is not a number."""
    for name in _DAILY:
        value = getattr(data, name)
        if value is not None:
            yield f"daily.{name}", value


def of_medication_use(data: Any) -> Iterator[tuple[str, float]]:
    """The dose in mg, under the medication's own measure ``dose.<code>``."""
    if data.outcome == "skipped":
        yield f"dose.{data.medication}", 0.0
    elif data.dose_unit in _MG:
        yield f"dose.{data.medication}", data.dose_value * _MG[data.dose_unit]


def of_journal(data: Any) -> Iterator[tuple[str, float]]:
    """The optional mood (0-10, 10 is best) of a shared page. A private one leaves no trace that others read."""
    if data.mood is not None and data.share == "entry":
        yield "journal.mood", data.mood


def of_practice(data: Any) -> Iterator[tuple[str, float]]:
    """Minutes of practice, and how helpful it was (0-10)."""
    if data.minutes is not None:
        yield "practice.minutes", data.minutes
    if data.helpful is not None:
        yield "practice.helpful", data.helpful


def of_sleep(data: Any) -> Iterator[tuple[str, float]]:
    """
    What was told of a night, and the sleep efficiency where it follows.

    Efficiency is hours slept in percent of the time from lights out to getting up (Carney et al. 2012, Sleep
    35(2):287-302); more sleep than time in bed gives none, since one of the two must be wrong.
    """
    for name in _SLEEP:
        value = getattr(data, name)
        if value is not None:
            yield f"sleep.{name}", value
    if data.bed_at is not None and data.up_at is not None and data.hours is not None:
        in_bed_h = (data.up_at - data.bed_at).total_seconds() / 3600
        if data.hours <= in_bed_h:
            yield "sleep.efficiency", round(100 * data.hours / in_bed_h, 1)


def of_side_effects(data: Any) -> Iterator[tuple[str, float]]:
    """The severity of each effect that was asked, 0 (none) to 3 (severe)."""
    for effect, severity in sorted(data.items.items()):
        yield f"side_effect.{effect}", severity


def of_vitals(data: Any) -> Iterator[tuple[str, float]]:
    """Each vital sign in its own unit."""
    for name in _VITALS:
        value = getattr(data, name)
        if value is not None:
            yield f"vitals.{name}", value


_BY_KIND = {
    "pain": of_pain,
    "daily": of_daily,
    "medication_use": of_medication_use,
    "journal": of_journal,
    "practice": of_practice,
    "sleep": of_sleep,
    "side_effects": of_side_effects,
    "vitals": of_vitals,
}


def of(kind: str, data: Any) -> Iterable[tuple[str, float]]:
    """Return the observations of one record. Responses are scored instead (``instruments.scoring``)."""
    return _BY_KIND[kind](data) if kind in _BY_KIND else ()

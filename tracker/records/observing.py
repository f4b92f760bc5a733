"""
A record to its observations. Pure: values in, (measure, value) out.

A missing answer gives no observation; it is never a zero. A skipped dose is none taken: 0 mg. Doses in a
unit without a mass (tablets, sprays) give no observation, since their strength is not known here.
"""

from collections.abc import Iterable, Iterator
from typing import Any

_DAILY = ("pain_avg", "pain_worst", "mood", "anxiety", "function", "sleep_hours", "sleep_quality")
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


_BY_KIND = {"pain": of_pain, "daily": of_daily, "medication_use": of_medication_use, "journal": of_journal}


def of(kind: str, data: Any) -> Iterable[tuple[str, float]]:
    """Return the observations of one record. Responses are scored instead (``instruments.scoring``)."""
    return _BY_KIND[kind](data) if kind in _BY_KIND else ()

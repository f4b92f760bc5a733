"""The one registry of measures: those of the catalogue's questionnaires, and those of the kinds of record."""

from collections.abc import Mapping
from functools import cache

from tracker.instruments import measures as instrument_measures
from tracker.instruments.measures import Measure
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind


class UnknownMeasureError(LookupError):
    """No measure has this code."""


@cache
def all() -> Mapping[str, Measure]:
    """
    Every measure by its code, but for those that are as many as the medications or the side effects.

    :raises ValueError: if a questionnaire gives a measure the name of another.
    """
    of_kinds = {
        measure.code: measure
        for kind in KINDS.values()
        for measure in (*kind.measures, *kind.catalogue_measures())
    }
    of_instruments = instrument_measures.all()
    for code in of_kinds.keys() & of_instruments.keys():
        raise ValueError(f"{of_instruments[code].instrument} names its measure {code}, which is taken")
    return {**of_kinds, **of_instruments}


def listed() -> list[Measure]:
    """Return every measure that there is by its code; of doses none: there are as many as there are medications."""
    more = [measure for kind in KINDS.values() for measure in kind.listed_measures() if measure]
    return sorted((*all().values(), *more), key=lambda measure: measure.code)


def kind_of(code: str) -> Kind | None:
    """Return the kind of record whose measures begin as this code does, if any."""
    return next((kind for kind in KINDS.values() if code.startswith(kind.prefix)), None)


def find(code: str) -> Measure | None:
    """Return the measure of this code, if any; ``dose.<medication>`` and ``side_effect.<effect>`` by their prefix."""
    measure = all().get(code)
    if measure is not None:
        return measure
    kind = kind_of(code)
    return kind.measure_of(code) if kind else None


def get(code: str) -> Measure:
    """
    Return the measure of this code, as ``find`` does.

    :raises UnknownMeasureError: if there is none.
    """
    measure = find(code)
    if measure is None:
        raise UnknownMeasureError(code)
    return measure

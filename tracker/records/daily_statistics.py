"""Statistics of one measure by local day."""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.clinics.models import Patient
from tracker.records import clocks, measures, reading_source
from tracker.records.models import Observation

_BY_DAY = f"""
SELECT local_date, count(*) AS n, avg(value ORDER BY at, source_id) AS mean, min(value) AS min, max(value) AS max,
       (array_agg(value ORDER BY at DESC, source_id DESC))[1] AS last, bool_or(by_caregiver),
       sum(value ORDER BY at, source_id) AS sum
FROM {
    reading_source.counted_sql(
        "o.patient_id = %s AND o.measure = %s AND o.local_date BETWEEN %s AND %s", "%s"
    )
} AS o
GROUP BY local_date ORDER BY local_date
"""
_TALLIES = f"""
SELECT measure, local_date, count(value), avg(value), sum(value), min(value), max(value)
FROM {
    reading_source.counted_sql("o.patient_id = %s AND o.measure = ANY (%s) AND o.local_date > %s", "%s")
} AS o
GROUP BY measure, local_date ORDER BY measure, local_date
"""
_FIRST_SOURCES = f"""
SELECT local_date, min(source_order) FROM records_observation AS o
WHERE patient_id = %s AND measure = %s AND local_date = ANY (%s) AND {reading_source.plausible_sql("o", "%s")}
GROUP BY local_date
"""
_NAMES = ("local_date", "n", "mean", "min", "max", "last", "by_caregiver")


def of_measure(patient: Patient, measure: str, first: date, last: date) -> list[dict[str, Any]]:
    """
    Return n, mean, min, max and last of each local day from ``first`` to ``last`` that has a value.

    A day without one is not there: it is not zero. ``last`` is the latest by the phone's clock. Values of a clock that
    is known to be wrong count in none of them. ``by_caregiver``: one of them is a caregiver's. For doses and
    minutes of practice ``sum`` is the day's total.
    """
    earliest = clocks.earliest(patient.enrolled_on)
    is_sum = measures.get(measure).aggregation == "sum"
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [patient.pk, measure, first, last, earliest])
        rows = cursor.fetchall()
    return [dict(zip(_NAMES, row[:7], strict=True)) | ({"sum": row[7]} if is_sum else {}) for row in rows]


def tallies(patient: Patient, codes: Collection[str], after: date | None) -> list[tuple[Any, ...]]:
    """
    Return measure, day, n, mean, sum, min and max of each measure and local day after ``after`` that has a value.
    """
    with connection.cursor() as cursor:
        earliest = clocks.earliest(patient.enrolled_on)
        cursor.execute(_TALLIES, [patient.pk, list(codes), after or date.min, earliest])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def counted(patient: Patient, measure: str, rows: Sequence[Observation]) -> set[UUID]:
    """Return the records among those of ``rows``, observations of one measure, whose observation counts."""
    earliest = clocks.earliest(patient.enrolled_on)
    with connection.cursor() as cursor:
        cursor.execute(
            _FIRST_SOURCES, [patient.pk, measure, list({row.local_date for row in rows}), earliest]
        )
        first_sources = dict(cursor.fetchall())
    return {
        row.source_id
        for row in rows
        if reading_source.is_plausible(
            row.clock_skew,
            row.origin,
            row.local_date,
            earliest,
            is_in_capacity_guard=row.is_in_capacity_guard,
        )
        and row.source_order == first_sources[row.local_date]
    }

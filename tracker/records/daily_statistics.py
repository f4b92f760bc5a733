"""Statistics of one measure by local day."""

from datetime import date
from typing import Any

from django.db import connection

from tracker.clinics.models import Patient
from tracker.records import clocks, measures, reading_source

_BY_DAY = f"""
SELECT local_date, count(*) AS n, avg(value ORDER BY at, source_id) AS mean, min(value) AS min, max(value) AS max,
       (array_agg(value ORDER BY at DESC, source_id DESC))[1] AS last, bool_or(by_caregiver),
       sum(value ORDER BY at, source_id) AS sum
FROM records_observation AS o
WHERE patient_id = %s AND measure = %s AND local_date BETWEEN %s AND %s AND {reading_source.counted_sql("o", "%s")}
GROUP BY local_date ORDER BY local_date
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
        cursor.execute(_BY_DAY, [patient.pk, measure, first, last, earliest, earliest])
        rows = cursor.fetchall()
    return [dict(zip(_NAMES, row[:7], strict=True)) | ({"sum": row[7]} if is_sum else {}) for row in rows]

"""Statistics of one measure by local day."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.records import measures

_BY_DAY = """
SELECT local_date, count(*) AS n, avg(value) AS mean, min(value) AS min, max(value) AS max,
       (array_agg(value ORDER BY at DESC, source_id DESC))[1] AS last, sum(value) AS sum
FROM records_observation
WHERE patient_id = %s AND measure = %s AND local_date BETWEEN %s AND %s
GROUP BY local_date ORDER BY local_date
"""
_NAMES = ("local_date", "n", "mean", "min", "max", "last")


def of_measure(patient_id: UUID, measure: str, first: date, last: date) -> list[dict[str, Any]]:
    """
    Return n, mean, min, max and last of each local day from ``first`` to ``last`` that has a value.

    A day without one is not there: it is not zero. ``last`` is the latest by the phone's clock. For doses and minutes
    of practice ``sum`` is the day's total.
    """
    is_sum = measures.get(measure).aggregation == "sum"
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [patient_id, measure, first, last])
        rows = cursor.fetchall()
    return [dict(zip(_NAMES, row[:6], strict=True)) | ({"sum": row[6]} if is_sum else {}) for row in rows]

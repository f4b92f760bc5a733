"""
Baseline, last value and last week of each measure, kept current in the transaction that changes them.

Windows (``docs/summaries.md`` tells why): the baseline of a daily measure is the mean of the daily means
in the 14 days before the first treatment session, that day excluded; without a session, of the first 14 days
of the record. The baseline of a questionnaire is the last one in days -14 to 0 before the first
session, and before the dosing itself; without a session, the first one. Both are bounded range scans of one index.
"""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.records import categories, clocks, measures, reading_source

# A phone whose clock is known to be wrong is believed in its entry, but in no number: what it dated ahead of its
# receipt, or long before the patient was enrolled, moves no baseline and is nobody's last value.
_EARLIEST = "plausible.earliest"
_OF_MEASURE = "o.patient_id = %(patient)s AND o.measure = wanted.measure"


def _counted(days: str) -> str:
    """SQL: the observations of a measure on some days that count."""
    return reading_source.counted_sql(f"{_OF_MEASURE} AND {days}", _EARLIEST)


# Local days of neighbouring instants lie this far apart at most, however somebody travels.
_MOST_DAYS_APART = 3

_REFRESH = """
WITH anchor AS (
    SELECT (array_agg(local_date ORDER BY dosed_at, session_id))[1] AS first_session, min(dosed_at) AS dosed_at
    FROM records_dosingperiod WHERE patient_id = %(patient)s
), plausible AS (
    SELECT enrolled_on - %(before)s AS earliest
    FROM clinics_patient WHERE id = %(patient)s
)
INSERT INTO records_measurestate AS stored (clinic_id, patient_id, measure, category, baseline, baseline_n, baseline_to,
    baseline_basis, last, last_at, last_on, last_by_caregiver, week_mean, week_n, week_by_caregiver)
SELECT %(clinic)s, %(patient)s, wanted.measure, wanted.category, baseline.value, coalesce(baseline.n, 0),
    baseline.until,
    CASE WHEN anchor.first_session IS NULL THEN 'FIRST_DAYS' ELSE 'BEFORE_TREATMENT' END,
    last.value, last.at, last.local_date, last.by_caregiver, week.mean, week.n, week.by_caregiver
FROM unnest(%(measures)s::text[], %(forms)s::boolean[], %(sums)s::boolean[], %(categories)s::text[])
    AS wanted (measure, is_form, is_sum, category)
CROSS JOIN anchor
CROSS JOIN plausible
CROSS JOIN LATERAL (
    SELECT (SELECT o.local_date FROM records_observation o WHERE {plausible} ORDER BY o.local_date LIMIT 1)
            AS first_on,
           (SELECT o.local_date FROM records_observation o WHERE {plausible} ORDER BY o.local_date DESC LIMIT 1)
            AS last_on
) AS record
CROSS JOIN LATERAL (
    SELECT o.value, o.at, o.local_date, o.by_caregiver FROM {counted_last_days} AS o
    ORDER BY o.at DESC, o.source_id DESC LIMIT 1
) AS last
CROSS JOIN LATERAL (
    SELECT avg(day.mean ORDER BY day.local_date) AS mean, count(*) AS n,
        count(*) FILTER (WHERE day.by_caregiver) AS by_caregiver
    FROM (
        SELECT o.local_date, {of_day} AS mean, bool_or(o.by_caregiver) AS by_caregiver
        FROM {counted_last_week} AS o
        GROUP BY o.local_date
    ) AS day
) AS week
LEFT JOIN LATERAL (
    SELECT avg(day.mean ORDER BY day.local_date) AS value, count(*) AS n, max(day.local_date) AS until FROM (
        SELECT o.local_date, {of_day} AS mean FROM {counted_before} AS o
        GROUP BY o.local_date
    ) AS day
    HAVING count(*) > 0
    UNION ALL
    (SELECT o.value, 1, o.local_date FROM {counted_forms_before} AS o
     WHERE anchor.dosed_at IS NULL OR o.at < anchor.dosed_at
     ORDER BY CASE WHEN anchor.dosed_at IS NULL THEN o.at END, CASE WHEN anchor.dosed_at IS NULL THEN o.source_id END,
              o.local_date DESC, o.at DESC, o.source_id DESC LIMIT 1)
) AS baseline ON true
ON CONFLICT (patient_id, measure) DO UPDATE SET category = EXCLUDED.category,
    baseline = EXCLUDED.baseline, baseline_n = EXCLUDED.baseline_n,
    baseline_to = EXCLUDED.baseline_to, baseline_basis = EXCLUDED.baseline_basis,
    last = EXCLUDED.last, last_at = EXCLUDED.last_at, last_on = EXCLUDED.last_on,
    last_by_caregiver = EXCLUDED.last_by_caregiver,
    week_mean = EXCLUDED.week_mean, week_n = EXCLUDED.week_n, week_by_caregiver = EXCLUDED.week_by_caregiver
"""

# A day's dose is the sum of its doses; a day's pain is the mean of its entries. Floating-point sums depend on the order
# of what is added, and without one each plan has its own: the same entries must give the same bits.
_OF_DAY = """CASE WHEN wanted.is_sum THEN sum(o.value ORDER BY o.at, o.source_id)
        ELSE avg(o.value ORDER BY o.at, o.source_id) END"""
_SINCE = "o.local_date >= coalesce(anchor.first_session - 14, record.first_on)"
_REFRESH = _REFRESH.format(
    of_day=_OF_DAY,
    # A day whose observations may be believed has one that counts: the bounds need no source.
    plausible=f"{_OF_MEASURE} AND {reading_source.plausible_sql('o', _EARLIEST)}",
    counted_last_days=_counted("o.local_date >= record.last_on - %(apart)s"),
    counted_last_week=_counted("o.local_date > record.last_on - 7"),
    counted_before=_counted(
        f"NOT wanted.is_form AND {_SINCE} AND o.local_date < coalesce(anchor.first_session, record.first_on + 14)"
    ),
    counted_forms_before=_counted(
        f"wanted.is_form AND {_SINCE} AND o.local_date <= coalesce(anchor.first_session, record.first_on)"
    ),
)

_DELETE_EMPTY = f"""
DELETE FROM records_measurestate c WHERE c.patient_id = %(patient)s AND c.measure = ANY (%(measures)s)
AND NOT EXISTS (
    SELECT 1 FROM records_observation o JOIN clinics_patient p ON p.id = o.patient_id
    WHERE o.patient_id = %(patient)s AND o.measure = c.measure
      AND {reading_source.plausible_sql("o", "p.enrolled_on - %(before)s")}
)
"""


def refresh(clinic_id: UUID, patient_id: UUID, touched: Iterable[str], removed: bool) -> None:
    """
    Make the current values of the ``touched`` measures again, in one statement.

    ``removed`` says that observations may have been removed: a measure without any has no current value.
    """
    names = sorted(touched)
    if not names:
        return
    of_names = [measures.get(name) for name in names]
    values: dict[str, Any] = {
        "clinic": clinic_id,
        "patient": patient_id,
        "before": clocks.BEFORE_ENROLMENT.days,
        "apart": _MOST_DAYS_APART,
        "measures": names,
        "forms": [measure.is_questionnaire for measure in of_names],
        "sums": [measure.aggregation == "sum" for measure in of_names],
        "categories": [categories.of_measure(name) for name in names],
    }
    with connection.cursor() as cursor:
        cursor.execute(_REFRESH, values)
        if removed:
            cursor.execute(_DELETE_EMPTY, values)

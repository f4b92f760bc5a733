"""Making summaries: for whom they are stale, from the numbers as they stand, in one transaction per patient."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.db import connection, transaction

from tracker.clinics.models import Clinic, Patient
from tracker.lib import bulk, days, logs, rls
from tracker.progress import trends
from tracker.progress.models import Summary, SummaryState
from tracker.records import change_counter, clocks, measures, reading_source
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind

log = logs.get(__name__)
AT_ONCE = 100

# Stale is a comparison of two numbers, not a flag to forget. A patient's day that has turned makes the
# running week stale too, and so does a new version of the algorithm.
_STALE = """
SELECT patient.id FROM clinics_patient AS patient
JOIN records_changecounter AS timeline ON timeline.patient_id = patient.id
LEFT JOIN progress_summarystate AS done ON done.patient_id = patient.id
WHERE patient.clinic_id = %(clinic)s AND timeline.head > 0
  AND (done.patient_id IS NULL OR done.through_sequence < timeline.head
       OR done.through_on < %(earliest_today)s OR done.algorithm <> %(algorithm)s)
ORDER BY done.through_sequence NULLS FIRST, patient.id
LIMIT %(at_once)s
"""

# As in ``records.measure_state``: what was dated ahead of its receipt, or long before enrolment, counts in no number.
_PLAUSIBLE = "(local_date >= %(earliest)s OR origin = 'imported') AND clock_skew <> 'ahead'"
_ENTRIES = """
SELECT local_date, kind, count(*), sum(entered_late) FROM (
{parts}
) AS entry GROUP BY local_date, kind ORDER BY local_date, kind
"""


def _entries_of(kind: Kind) -> str:
    """SQL: a kind's entries. A summary is the team's: a page of the journal that is not shared is not even counted."""
    shared = "".join(f" AND {column} = '{value}'" for column, value in kind.visible_to_others.items())
    return (
        f"SELECT local_date, '{kind.name}' AS kind, entered_late::int AS entered_late FROM {kind.table}"
        f" WHERE patient_id = %(patient)s AND removed_at IS NULL AND {_PLAUSIBLE}{shared}"
    )


_ENTRIES_SQL = _ENTRIES.format(
    parts=" UNION ALL ".join(_entries_of(kind) for kind in KINDS.values() if kind.is_entry)
)
_VALUES = f"""
SELECT measure, local_date, count(*), avg(value ORDER BY at, source_id),
       (array_agg(value ORDER BY at, source_id))[1], (array_agg(value ORDER BY at DESC, source_id DESC))[1],
       (array_agg(value ORDER BY at DESC, source_id DESC) FILTER (WHERE at < (
           SELECT min(starts_at) FROM records_treatmentsession WHERE patient_id = %(patient)s
       )))[1], max(at)
FROM records_observation AS o WHERE patient_id = %(patient)s AND {reading_source.counted_sql("o", "%(earliest)s")}
GROUP BY measure, local_date ORDER BY measure, local_date
"""
_USES = f"""
SELECT local_date, medication, count(*) FILTER (WHERE outcome = 'taken'),
       count(*) FILTER (WHERE outcome = 'skipped'), count(*) FILTER (WHERE outcome = 'prn')
FROM records_medicationuse WHERE patient_id = %(patient)s AND removed_at IS NULL AND {_PLAUSIBLE}
GROUP BY local_date, medication ORDER BY local_date, medication
"""
_SESSIONS = """
SELECT local_date, route, dose_mg::float FROM records_treatmentsession
WHERE patient_id = %(patient)s ORDER BY starts_at, id
"""
_ALERTS = "SELECT answered_on, count(*) FROM alerts_alert WHERE patient_id = %(patient)s GROUP BY answered_on"


class _SummaryRow(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    id: UUID
    week_start: date
    figures: str
    digest: str
    algorithm: str
    through_sequence: int
    built_at: datetime
    revision: int


class _StateRow(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    through_sequence: int
    through_on: date
    algorithm: str


def refresh_stale(*, at: datetime) -> int:
    """Refresh the summaries of patients whose entries have changed; return how many patients there were."""
    done = 0
    for clinic_id in list(Clinic.objects.values_list("pk", flat=True)):
        while stale := _stale(clinic_id, at):
            refreshed = sum(_refresh_or_log(clinic_id, patient, at) for patient in stale)
            done += refreshed
            # The others are in a colleague's hands, or cannot be made.
            if refreshed < len(stale):
                break
    return done


def _refresh_or_log(clinic_id: UUID, patient_id: UUID, at: datetime) -> bool:
    """Refresh one patient's summaries; one that cannot be made keeps nobody else from theirs."""
    try:
        return refresh(clinic_id=clinic_id, patient_id=patient_id, at=at)
    except Exception as problem:
        log.error("summaries not made", clinic=str(clinic_id), exc_info=problem)
        return False


@transaction.atomic
def _stale(clinic_id: UUID, at: datetime) -> list[UUID]:
    zones = ("Pacific/Pago_Pago", "Pacific/Kiritimati")
    with rls.as_clinic(clinic_id), connection.cursor() as cursor:
        cursor.execute(
            _STALE,
            {
                "clinic": clinic_id,
                "earliest_today": min(days.local_day(at, time_zone) for time_zone in zones),
                "algorithm": trends.ALGORITHM,
                "at_once": AT_ONCE,
            },
        )
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def refresh(*, clinic_id: UUID, patient_id: UUID, at: datetime) -> bool:
    """
    Make a patient's summaries again; rewrite those whose bytes differ. Return whether it was our turn.

    The lock on the timeline keeps writers out while the numbers are read, so ``through_sequence`` is exact; a
    second worker does not wait for it.
    """
    with rls.as_patient(clinic_id, patient_id):
        head = change_counter.lock(patient_id, wait=False)
        if head is None:
            return False
        patient = Patient.objects.get(pk=patient_id)
        today = days.local_day(at, patient.time_zone)
        _write(patient, head, load(patient), today, at)
    return True


def load(patient: Patient) -> trends.Facts:
    """Read all that a patient's summaries are made of, in five statements."""
    window = {"patient": patient.pk, "earliest": clocks.earliest(patient.enrolled_on)}
    entries: dict[date, dict[str, int]] = defaultdict(dict)
    entered_late: dict[date, int] = defaultdict(int)
    for on, kind, count, tardy in _rows(_ENTRIES_SQL, window):
        entries[on][kind] = count
        entered_late[on] += tardy
    values: dict[str, list[trends.DayValue]] = defaultdict(list)
    for measure, *numbers in _rows(_VALUES, window):
        values[measure].append(trends.DayValue(*numbers))
    return trends.Facts(
        time_zone=patient.time_zone,
        entries=entries,
        entered_late=entered_late,
        values=values,
        uses=[trends.MedicationDay(*row) for row in _rows(_USES, window)],
        sessions=[tuple(row) for row in _rows(_SESSIONS, window)],
        alerts=dict(_rows(_ALERTS, window)),
        measures={name: measures.get(name) for name in values},
    )


def _rows(statement: str, window: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, window)
        rows: list[Any] = cursor.fetchall()
        return rows


def _write(patient: Patient, head: int, facts: trends.Facts, today: date, at: datetime) -> None:
    held = dict(Summary.objects.filter(patient=patient).values_list("week_start", "digest"))
    revisions = dict(Summary.objects.filter(patient=patient).values_list("week_start", "revision"))
    rows = []
    for week_start in trends.weeks_to_summarize(facts, today):
        content = trends.canonical_json(trends.weekly_figures(facts, week_start, today))
        digest = hashlib.sha256(content).hexdigest()
        if held.get(week_start) != digest:
            revision = revisions.get(week_start, 0) + 1
            rows.append(
                _SummaryRow(
                    patient.clinic_id, patient.pk, uuid4(), week_start, content.decode(), digest,
                    trends.ALGORITHM, head, at, revision,
                )
            )  # fmt: skip
    changed = ("figures", "digest", "algorithm", "through_sequence", "built_at", "revision")
    bulk.insert(Summary, rows, key=("patient_id", "week_start"), update=changed)
    _delete_obsolete(patient, trends.weeks_to_summarize(facts, today))
    bulk.insert(
        SummaryState,
        [_StateRow(patient.clinic_id, patient.pk, head, today, trends.ALGORITHM)],
        key=("patient_id", "clinic_id"),
        update=("through_sequence", "through_on", "algorithm"),
    )


def _delete_obsolete(patient: Patient, kept: Iterable[date]) -> None:
    """A week whose entries were all moved or removed has no summary any more."""
    Summary.objects.filter(patient=patient).exclude(week_start__in=list(kept)).delete()

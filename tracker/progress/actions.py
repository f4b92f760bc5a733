"""Making summaries: for whom they are stale, from the numbers as they stand, in one transaction per patient."""

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from django.db import DatabaseError, connection, transaction

from tracker.access.policy import Category
from tracker.clinics.models import Clinic, Patient
from tracker.lib import bulk, days, logs, rls
from tracker.progress import parts, trends
from tracker.progress.models import SummaryPart, SummaryState
from tracker.records import categories, change_counter, clocks, measures, reading_source
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind

log = logs.get(__name__)
AT_ONCE = 100
# A statement that reads, with no lock held, and one that writes, while the patient's phones wait.
_READ_LIMIT, _WRITE_LIMIT = "5s", "1s"
_LOCK_LIMIT = "500ms"
_LIMITS = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
_SET_LIMITS = "SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true)"
# After a failure the next try waits, twice as long each time, up to about half a day.
_FIRST_WAIT, _MOST_DOUBLINGS = timedelta(minutes=1), 10
_BACK_OFF = """
INSERT INTO progress_summarystate AS state
    (clinic_id, patient_id, through_sequence, through_on, algorithm, failures, next_try_at)
VALUES (%(clinic)s, %(patient)s, 0, '0001-01-01', '', 1, %(at)s::timestamptz + %(first_wait)s)
ON CONFLICT (patient_id, clinic_id) DO UPDATE SET failures = least(state.failures + 1, 1000),
    next_try_at = %(at)s::timestamptz + %(first_wait)s * pow(2, least(state.failures, %(doublings)s))
"""

# Stale is a comparison of two numbers, not a flag to forget. A patient's day that has turned makes the
# running week stale too, and so does a new version of the algorithm.
_STALE = """
SELECT patient.id FROM clinics_patient AS patient
JOIN records_changecounter AS timeline ON timeline.patient_id = patient.id
LEFT JOIN progress_summarystate AS done ON done.patient_id = patient.id
WHERE patient.clinic_id = %(clinic)s AND timeline.head > 0
  AND (done.patient_id IS NULL OR done.through_sequence < timeline.head
       OR done.through_on < %(earliest_today)s OR done.algorithm <> %(algorithm)s)
  AND (done.next_try_at IS NULL OR done.next_try_at <= %(at)s)
ORDER BY done.through_sequence NULLS FIRST, patient.id
LIMIT %(at_once)s
"""

# As in ``records.measure_state``: what was dated ahead of its receipt, or long before enrolment, counts in no number.
_PLAUSIBLE = "(local_date >= %(earliest)s OR origin = 'imported') AND clock_skew <> 'ahead'"
_ENTRIES = """
SELECT category, local_date, kind, count(*), sum(entered_late) FROM (
{kinds}
) AS entry GROUP BY category, local_date, kind ORDER BY category, local_date, kind
"""


def _entries_of(kind: Kind) -> str:
    """SQL: a kind's entries. A summary is the team's: a page of the journal that is not shared is not even counted."""
    shared = "".join(f" AND {column} = '{value}'" for column, value in kind.visible_to_others.items())
    category = f"'{kind.category}'" if kind.category else "category"
    return (
        f"SELECT {category} AS category, local_date, '{kind.name}' AS kind, entered_late::int AS entered_late"
        f" FROM {kind.table}"
        f" WHERE patient_id = %(patient)s AND removed_at IS NULL AND {_PLAUSIBLE}{shared}"
    )


_ENTRIES_SQL = _ENTRIES.format(
    kinds=" UNION ALL ".join(_entries_of(kind) for kind in KINDS.values() if kind.is_entry)
)
_VALUES = f"""
SELECT measure, local_date, count(*), avg(value ORDER BY at, source_id),
       (array_agg(value ORDER BY at, source_id))[1], (array_agg(value ORDER BY at DESC, source_id DESC))[1],
       (array_agg(value ORDER BY at DESC, source_id DESC) FILTER (WHERE at < (
           SELECT min(dosed_at) FROM records_dosingperiod WHERE patient_id = %(patient)s
       )))[1], max(at), bool_or(by_caregiver)
FROM {reading_source.counted_sql("o.patient_id = %(patient)s", "%(earliest)s")} AS o
GROUP BY measure, local_date ORDER BY measure, local_date
"""
_USES = f"""
SELECT local_date, medication, count(*) FILTER (WHERE outcome = 'taken'),
       count(*) FILTER (WHERE outcome = 'skipped'), count(*) FILTER (WHERE outcome = 'prn')
FROM records_medicationuse WHERE patient_id = %(patient)s AND removed_at IS NULL AND {_PLAUSIBLE}
GROUP BY local_date, medication ORDER BY local_date, medication
"""
_SESSIONS = """
SELECT local_date, route, total_mg::float FROM treatment_treatmentsession
WHERE patient_id = %(patient)s AND first_dosed_at IS NOT NULL AND NOT is_in_error ORDER BY first_dosed_at, id
"""
_ALERTS = "SELECT answered_on, count(*) FROM alerts_alert WHERE patient_id = %(patient)s GROUP BY answered_on"


class _PartRow(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    week_start: date
    category: str
    summary_id: UUID
    is_due: bool
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
    failures: int
    next_try_at: datetime | None


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
    """Refresh one patient's summaries; a failure keeps nobody else from theirs, and is not tried again for a while."""
    try:
        return refresh(clinic_id=clinic_id, patient_id=patient_id, at=at)
    except Exception as problem:
        log.error("summaries not made", clinic=str(clinic_id), exc_info=problem)
        with suppress(DatabaseError):
            _back_off(clinic_id, patient_id, at)
        return False


@transaction.atomic
def _back_off(clinic_id: UUID, patient_id: UUID, at: datetime) -> None:
    values: dict[str, Any] = {
        "clinic": clinic_id,
        "patient": patient_id,
        "at": at,
        "first_wait": _FIRST_WAIT,
        "doublings": _MOST_DOUBLINGS,
    }
    with rls.as_patient(clinic_id, patient_id), connection.cursor() as cursor:
        cursor.execute(_BACK_OFF, values)


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
                "at": at,
            },
        )
        return [row[0] for row in cursor.fetchall()]


@transaction.atomic
def refresh(*, clinic_id: UUID, patient_id: UUID, at: datetime) -> bool:
    """
    Make a patient's summaries again; rewrite those whose bytes differ. Return whether it was our turn.

    The numbers are read and added up without a lock, however long that takes: a phone's push, which may hold a safety
    answer, never waits for it. Then the lock on the timeline keeps writers out. Where the head has not moved meanwhile,
    nothing else has, so ``through_sequence`` is exact; otherwise the next tick tries again. No lock is waited for.
    """
    with rls.as_patient(clinic_id, patient_id), _limited(_READ_LIMIT):
        head = change_counter.head(patient_id)
        if head is None:
            return False
        patient = Patient.objects.get(pk=patient_id)
        today = days.local_day(at, patient.time_zone)
        made = _weekly_parts(load(patient), today)
        _limit(_WRITE_LIMIT)
        if change_counter.lock(patient_id, wait=False) != head:
            return False
        _write(patient, head, made, today, at)
    return True


@contextmanager
def _limited(limit: str) -> Iterator[None]:
    """Limit the statements of a block, and its waits for locks; then the connection's own limits hold again."""
    (before,) = _rows(_LIMITS)
    _limit(limit)
    yield
    _rows(_SET_LIMITS, before)


def _limit(limit: str) -> None:
    _rows(_SET_LIMITS, (limit, _LOCK_LIMIT))


def load(patient: Patient) -> dict[Category, trends.Facts]:
    """Read all that a patient's summaries are made of, by category of consent, in five statements."""
    window = {"patient": patient.pk, "earliest": clocks.earliest(patient.enrolled_on)}
    entries: dict[Category, dict[date, dict[str, int]]] = {
        category: defaultdict(dict) for category in Category
    }
    entered_late: dict[Category, dict[date, int]] = {category: defaultdict(int) for category in Category}
    for category, on, kind, count, tardy in _rows(_ENTRIES_SQL, window):
        entries[category][on][kind] = count
        entered_late[category][on] += tardy
    values: dict[Category, dict[str, list[trends.DayValue]]] = {
        category: defaultdict(list) for category in Category
    }
    for measure, *numbers in _rows(_VALUES, window):
        values[categories.of_measure(measure)][measure].append(trends.DayValue(*numbers))
    sessions = [tuple(row) for row in _rows(_SESSIONS, window)]
    uses = [trends.MedicationDay(*row) for row in _rows(_USES, window)]
    alerts = dict(_rows(_ALERTS, window))
    return {
        category: trends.Facts(
            time_zone=patient.time_zone,
            entries=entries[category],
            entered_late=entered_late[category],
            values=values[category],
            measures={name: measures.get(name) for name in values[category]},
            uses=uses if category == Category.MEDICATION else (),
            sessions=sessions if category == Category.TREATMENT else (),
            # They are about answers on how somebody feels.
            alerts=alerts if category == Category.MOOD else {},
            anchor_on=sessions[0][0] if sessions else None,
        )
        for category in Category
    }


def _rows(statement: str, values: Any = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[Any] = cursor.fetchall()
        return rows


_Parts = Mapping[tuple[date, str], parts.Part]


def _weekly_parts(facts: Mapping[Category, trends.Facts], today: date) -> _Parts:
    """What each category has in the summary of each week."""
    weeks = sorted({monday for each in facts.values() for monday in trends.weeks_to_summarize(each, today)})
    return {
        (week_start, str(category)): part
        for week_start in weeks
        for category, each in facts.items()
        if (part := parts.weekly_part(each, week_start, today, category=category)) is not None
    }


def _write(patient: Patient, head: int, made: _Parts, today: date, at: datetime) -> None:
    held = {
        (week_start, category): (digest, is_due, revision)
        for week_start, category, digest, is_due, revision in SummaryPart.objects.filter(
            patient=patient
        ).values_list("week_start", "category", "digest", "is_due", "revision")
    }
    rows = []
    for (week_start, category), part in made.items():
        content = trends.canonical_json(part.figures)
        digest = hashlib.sha256(content).hexdigest()
        *former, revision = held.get((week_start, category), ("", False, 0))
        if former != [digest, part.is_due]:
            rows.append(
                _PartRow(
                    patient.clinic_id, patient.pk, week_start, category, uuid5(patient.pk, week_start.isoformat()),
                    part.is_due, content.decode(), digest, trends.ALGORITHM, head, at, revision + 1,
                )
            )  # fmt: skip
    changed = ("is_due", "figures", "digest", "algorithm", "through_sequence", "built_at", "revision")
    bulk.insert(SummaryPart, rows, key=("patient_id", "week_start", "category"), update=changed)
    # A week whose entries were all moved or removed has no summary any more.
    for week_start, category in held.keys() - made.keys():
        SummaryPart.objects.filter(patient=patient, week_start=week_start, category=category).delete()
    bulk.insert(
        SummaryState,
        [_StateRow(patient.clinic_id, patient.pk, head, today, trends.ALGORITHM, 0, None)],
        key=("patient_id", "clinic_id"),
        update=("through_sequence", "through_on", "algorithm", "failures", "next_try_at"),
    )

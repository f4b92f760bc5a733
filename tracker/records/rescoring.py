"""
Scoring the stored answers again under the present scoring versions.

What is to be done is read from the rows themselves: a response is done when its scores under the present
version are there and its observations say the same. So a run that was killed goes on where it stopped, and a
second run finds nothing. Old scores stay. Alerts are not raised again: they speak of what was answered then.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from tracker.audit import actions as audit
from tracker.clinics.models import Clinic
from tracker.instruments import catalogue, scoring
from tracker.lib import rls
from tracker.records import change_counter, observations, rebuild, store
from tracker.records.kinds.questionnaire import KIND, Response, Score, Status, score_row, total_check_of
from tracker.records.models import Observation

NONE = "none"
_Numbers = Mapping[str, tuple[float, str]]


@dataclass(frozen=True, slots=True)
class PendingRescore:
    """A response whose stored numbers are not those of the present scoring version."""

    row: Response
    accepted: store.AcceptedRecord
    former: str
    present: str
    missing: tuple[scoring.Score, ...]
    held: _Numbers
    wanted: _Numbers

    @property
    def differences(self) -> list[float]:
        """How far each number moves that stands on the timeline both before and after."""
        both = self.held.keys() & self.wanted.keys()
        return [abs(self.wanted[name][0] - self.held[name][0]) for name in both]


@dataclass(slots=True)
class ChangeCount:
    """What would change for one version of an instrument, from one scoring version to another."""

    responses: int = 0
    scores: int = 0
    differ: int = 0
    largest: float = 0
    gained: int = 0
    lost: int = 0

    def add(self, pending: PendingRescore) -> None:
        moved = [by for by in pending.differences if by > 0]
        self.responses += 1
        self.scores += len(pending.missing)
        self.differ += len(moved)
        self.largest = max([self.largest, *moved])
        self.gained += len(pending.wanted.keys() - pending.held.keys())
        self.lost += len(pending.held.keys() - pending.wanted.keys())


@dataclass(slots=True)
class Report:
    """
    What would change, by (instrument, version, scoring version from, to).

    ``unversioned`` counts responses, by instrument and version, whose scores differ under one and the same
    scoring version: somebody changed a rule and not its version. ``unknown`` counts those that the catalogue
    no longer has a form for. Both are left alone.
    """

    counts: dict[tuple[str, str, str, str], ChangeCount] = field(
        default_factory=lambda: defaultdict(ChangeCount)
    )
    unversioned: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    unknown: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    patients: list[tuple[UUID, UUID]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Selection:
    """The instrument, and the version of it, that a run is about; None is any."""

    instrument: str | None = None
    version: str | None = None

    def filters(self) -> dict[str, str]:
        named = {"instrument": self.instrument, "version": self.version}
        return {name: value for name, value in named.items() if value}


def preview(selection: Selection) -> Report:
    """Say what ``apply`` would change, and change nothing."""
    report = Report()
    for clinic_id in list(Clinic.objects.order_by("pk").values_list("pk", flat=True)):
        for patient_id in _patients(clinic_id, selection):
            with transaction.atomic(), rls.as_patient(clinic_id, patient_id):
                found = list(_pending(patient_id, selection, report))
            for pending in found:
                key = (pending.row.instrument, pending.row.version, pending.former, pending.present)
                report.counts[key].add(pending)
            if found:
                report.patients.append((clinic_id, patient_id))
    return report


@transaction.atomic
def _patients(clinic_id: UUID, selection: Selection) -> list[UUID]:
    with rls.as_clinic(clinic_id):
        rows = _standing(selection).order_by("patient_id").values_list("patient_id", flat=True)
        return list(rows.distinct())


@transaction.atomic
def apply(*, clinic_id: UUID, patient_id: UUID, selection: Selection, at: datetime) -> int:
    """
    Write a patient's new scores beside the old ones, and the observations and current values made of them.

    Return how many scores were written. What is pending is read again under the lock, so an answer that came
    in since the survey is seen as it is now.
    """
    with rls.as_patient(clinic_id, patient_id):
        change_counter.lock(patient_id)
        found = list(_pending(patient_id, selection, Report()))
        if not found:
            return 0
        provenance = store.Provenance(clinic_id, patient_id, found[0].row.author_id, None, at)
        written = _write(provenance, found)
        audit.record_event(
            actor="command",
            action="scores.recompute",
            subject=f"patient/{patient_id}",
            clinic_id=clinic_id,
            patient_id=patient_id,
            at=at,
            detail={"responses": len(found), "scores": written},
        )
    return written


def _write(provenance: store.Provenance, found: Sequence[PendingRescore]) -> int:
    # The records show their scores: phones pull them again.
    head = change_counter.advance(provenance.clinic_id, provenance.patient_id, len(found)).sequence
    for sequence, pending in enumerate(found, head - len(found) + 1):
        _renew(pending, sequence)
    rows = [
        Score(**score_row(provenance, pending.accepted, made)._asdict())
        for pending in found
        for made in pending.missing
    ]
    Score.objects.bulk_create(rows)
    observations.store(provenance, [pending.accepted for pending in found])
    return len(rows)


def _renew(pending: PendingRescore, sequence: int) -> None:
    """Give a response its place among the changes, and what follows from its scores; its answers stay as they came."""
    row, item = pending.row, pending.accepted
    # Whether it was complete before it was amended is not known of one that had no score then.
    status = item.status.value if row.status == Status.UNSCORED else row.status
    check = total_check_of(item.record.data, item.result)
    Response.objects.filter(patient_id=row.patient_id, id=row.id).update(
        sequence=sequence, status=status, reported_total_check=check
    )


def _standing(selection: Selection) -> QuerySet[Response]:
    """The responses whose scores stand: not removed, no draft; former revisions keep the scores they had."""
    finished = Response.objects.filter(removed_at=None).exclude(status=Status.DRAFT)
    return finished.filter(**selection.filters())


def _pending(patient_id: UUID, selection: Selection, report: Report) -> Iterator[PendingRescore]:
    """What is to be done for one patient, in three statements; what cannot be done is noted in ``report``."""
    rows = list(_standing(selection).filter(patient_id=patient_id).order_by("recorded_at", "id"))
    scores = _scores(patient_id)
    numbers = _observed(patient_id)
    for row in rows:
        kind = (row.instrument, row.version)
        try:
            result = store.score(row)
            present = catalogue.get(*kind).scoring_version
        except catalogue.UnknownInstrumentError:
            report.unknown[kind] += 1
            continue
        held = scores.get((row.id, row.revision), [])
        if _differs_unversioned(held, result):
            report.unversioned[kind] += 1
            continue
        found = _compared(row, result, held, present, numbers.get(row.id, {}))
        if found.missing or found.held != found.wanted or row.status == Status.UNSCORED:
            yield found


def _scores(patient_id: UUID) -> dict[tuple[UUID, int], list[Score]]:
    """The stored scores by response and revision, the oldest first."""
    found: dict[tuple[UUID, int], list[Score]] = {}
    for score in Score.objects.filter(patient_id=patient_id).order_by("id"):
        found.setdefault((score.response_id, score.revision), []).append(score)
    return found


def _observed(patient_id: UUID) -> dict[UUID, dict[str, tuple[float, str]]]:
    """The numbers on the timeline that come from responses, by response and measure."""
    found: dict[UUID, dict[str, tuple[float, str]]] = {}
    rows = Observation.objects.filter(patient_id=patient_id, source_kind=KIND.name)
    for source_id, measure, value, band in rows.values_list("source_id", "measure", "value", "band"):
        found.setdefault(source_id, {})[measure] = (value, band)
    return found


def _differs_unversioned(held: Iterable[Score], result: scoring.Result) -> bool:
    made = {(score.name, score.scoring_version): score for score in result.scores}
    return any(
        (score.value, score.t, score.se, score.band) != (now.value, now.t, now.se, now.band or "")
        for score in held
        if (now := made.get((score.measure, score.scoring_version))) is not None
    )


def _compared(
    row: Response, result: scoring.Result, held: Sequence[Score], present: str, numbers: _Numbers
) -> PendingRescore:
    accepted = replace(rebuild.accepted(KIND, row), result=result)
    there = {score.measure for score in held if score.scoring_version == present}
    missing = [made for made in result.scores if made.value is not None and made.name not in there]
    wanted = {number.measure: (number.value, number.band) for number in observations.derive(accepted)}
    former = held[-1].scoring_version if held else NONE
    return PendingRescore(row, accepted, former, present, tuple(missing), numbers, wanted)

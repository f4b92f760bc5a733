"""Reading weekly summaries: of each week the parts that the reader may see, put together."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from tracker.lib import days
from tracker.progress import parts, trends
from tracker.progress.models import SummaryPart


@dataclass(frozen=True, slots=True)
class Summary:
    """
    One week of one patient, as somebody sees it.

    ``digest`` is the SHA-256 of the canonical JSON of ``figures``, in hexadecimal. ``revision`` starts at 1 and grows
    with each change of a part that the reader sees.
    """

    id: UUID
    patient_id: UUID
    week_start: date
    revision: int
    built_at: datetime
    figures: Mapping[str, Any]
    digest: str


def weeks(patient_id: UUID) -> list[date]:
    """Return the Mondays of the weeks of which the reader has a summary, newest first. Context: the reader's."""
    due = SummaryPart.objects.filter(patient_id=patient_id, is_due=True)
    return list(due.order_by("-week_start").values_list("week_start", flat=True).distinct())


def of_week(patient_id: UUID, week_start: date) -> Summary:
    """Return the summary of one of ``weeks``."""
    (summary,) = _of_weeks(patient_id, [week_start])
    return summary


def newest(patient_id: UUID, *, limit: int, on: date | None = None) -> list[Summary]:
    """Return the reader's summaries of a patient, newest first: of the week that the local day ``on`` is in, or all."""
    mondays = weeks(patient_id)
    if on is not None:
        mondays = [monday for monday in mondays if monday == days.week_start(on)]
    return _of_weeks(patient_id, mondays[:limit])


def _of_weeks(patient_id: UUID, mondays: Sequence[date]) -> list[Summary]:
    rows = SummaryPart.objects.filter(patient_id=patient_id, week_start__in=mondays)
    return together(rows.order_by("-week_start", "category"))


def together(rows: Iterable[SummaryPart]) -> list[Summary]:
    """Return the summary of each week, in the order of ``rows``, which are sorted by week."""
    return [_summary(list(of_week)) for _, of_week in groupby(rows, key=lambda row: row.week_start)]


def _summary(rows: Sequence[SummaryPart]) -> Summary:
    figures = parts.merge({row.category.lower(): json.loads(row.figures) for row in rows})
    first = rows[0]
    return Summary(
        id=first.summary_id,
        patient_id=first.patient_id,
        week_start=first.week_start,
        revision=1 + sum(row.revision - 1 for row in rows),
        built_at=max(row.built_at for row in rows),
        figures=figures,
        digest=hashlib.sha256(trends.canonical_json(figures)).hexdigest(),
    )

"""Reading records page by page, newest first."""

from datetime import date
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import CharField, QuerySet, Value

from tracker.lib import days
from tracker.records import measures, queries
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.models import Observation
from tracker.records.patient_record import PatientRecord

_SALT = "interlude.records.page"


class BadFilterError(ValueError):
    """A filter cannot be taken; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _day(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else days.parse_date(text)
    except ValueError:
        raise BadFilterError(name) from None


def _after(patient_id: UUID, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        owner, sequence = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadFilterError("cursor") from None
    if owner != str(patient_id):
        raise BadFilterError("cursor")
    return int(sequence)


def newest(
    patient_id: UUID,
    *,
    limit: int,
    kind: str | None = None,
    since: str | None = None,
    until: str | None = None,
    measure: str | None = None,
    cursor: str | None = None,
    as_patient: bool = True,
) -> tuple[list[tuple[Kind, PatientRecord]], str | None]:
    """
    Return up to ``limit`` living records, last changed first, and the cursor of the next page if there is one.

    Without ``as_patient`` the reader is the care team, for whom a journal that is not shared does not exist.

    :raises BadFilterError: naming the filter that cannot be taken.
    """
    if kind is not None and kind not in KINDS:
        raise BadFilterError("kind")
    if measure is not None and measures.find(measure) is None:
        raise BadFilterError("measure")
    first, last, before = _day("since", since), _day("until", until), _after(patient_id, cursor)
    filters: dict[str, Any] = {"removed_at__isnull": True}
    filters |= {"local_date__gte": first} if first else {}
    filters |= {"local_date__lte": last} if last else {}
    filters |= {"sequence__lt": before} if before is not None else {}
    if measure is not None:
        telling = Observation.objects.filter(patient_id=patient_id, measure=measure)
        filters |= {"id__in": telling.values("source_id")}
    kinds = [each for each in KINDS.values() if kind in (None, each.name)]
    branches = [
        _listed(each, each.rows(patient_id, as_patient=as_patient).filter(**filters))[: limit + 1]
        for each in kinds
    ]
    union = branches[0].union(*branches[1:], all=True) if branches[1:] else branches[0]
    listed = list(union.order_by("-sequence")[: limit + 1]) if branches[1:] else list(union)
    page = listed[:limit]
    rows = queries.get_many(patient_id, [(name, record_id) for name, record_id, _ in page])
    place = {record_id: n for n, (_, record_id, _) in enumerate(page)}
    rows.sort(key=lambda pair: place[pair[1].id])
    following = signing.dumps([str(patient_id), page[-1][2]], salt=_SALT) if len(listed) > limit else None
    return rows, following


def _listed(kind: Kind, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    named = rows.annotate(kind=Value(kind.name, CharField())).values_list("kind", "id", "sequence")
    listed: QuerySet[Any, Any] = named.order_by("-sequence")
    return listed

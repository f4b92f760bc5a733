"""Reading records page by page, newest first."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import CharField, QuerySet, Value

from tracker.lib.cursors import CursorCipher
from tracker.records import queries
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.models import Observation

_CURSORS = CursorCipher("records")


def newest(
    patient_id: UUID,
    *,
    reader: UUID,
    limit: int,
    kind: str | None = None,
    since: date | None = None,
    until: date | None = None,
    measure: str | None = None,
    cursor: str | None = None,
    as_patient: bool = True,
) -> tuple[list[dict[str, Any]], str | None]:
    """
    Return up to ``limit`` living records, last changed first, and the cursor of the next page if there is one.

    They are as the wire shows them, and no more than one answer takes. Without ``as_patient`` the reader is the care
    team, for whom a journal that is not shared does not exist.

    ``reader`` is the user whose cursors they are.

    :raises InvalidCursor: if the cursor is not one of this reader's for this list.
    """
    of = (reader, patient_id, kind, since, until, measure)
    before = None if cursor is None else _CURSORS.decrypt(cursor, int, of=of)
    filters: dict[str, Any] = {"removed_at__isnull": True}
    filters |= {"local_date__gte": since} if since else {}
    filters |= {"local_date__lte": until} if until else {}
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
    shown, count = queries.serialize_page(patient_id, rows, as_patient=as_patient)
    if len(listed) <= limit and count == len(rows):
        return shown, None
    last = rows[count - 1][1].sequence if count < len(rows) else page[-1][2]
    return shown, _CURSORS.encrypt(last, of=of)


def _listed(kind: Kind, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    named = rows.annotate(kind=Value(kind.name, CharField())).values_list("kind", "id", "sequence")
    listed: QuerySet[Any, Any] = named.order_by("-sequence")
    return listed

"""Reading records page by page, newest first."""

from datetime import date
from typing import Any
from uuid import UUID

from django.core import signing

from tracker.lib import days
from tracker.records.kinds import KINDS, Kind
from tracker.records.models import Recorded
from tracker.records.models.diary import Share

_SALT = "interlude.records.page"


class BadFilterError(ValueError):
    """A filter cannot be taken; ``name`` says which."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _day(name: str, text: str | None) -> date | None:
    try:
        return None if text is None else days.read(text)
    except ValueError:
        raise BadFilterError(name) from None


def _after(patient_id: UUID, cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        owner, change = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadFilterError("cursor") from None
    if owner != str(patient_id):
        raise BadFilterError("cursor")
    return int(change)


def newest(
    patient_id: UUID,
    *,
    limit: int,
    kind: str | None = None,
    since: str | None = None,
    until: str | None = None,
    cursor: str | None = None,
    own: bool = True,
) -> tuple[list[tuple[Kind, Recorded]], str | None]:
    """
    Return up to ``limit`` living records, last changed first, and the cursor of the next page if there is one.

    Without ``own`` the reader is the care team, for whom a journal that is not shared does not exist.

    :raises BadFilterError: naming the filter that cannot be taken.
    """
    if kind is not None and kind not in KINDS:
        raise BadFilterError("kind")
    first, last, before = _day("since", since), _day("until", until), _after(patient_id, cursor)
    filters: dict[str, Any] = {"patient_id": patient_id, "removed_at__isnull": True}
    filters |= {"local_on__gte": first} if first else {}
    filters |= {"local_on__lte": last} if last else {}
    filters |= {"change__lt": before} if before is not None else {}
    found: list[tuple[Kind, Recorded]] = []
    for each in KINDS.values():
        if kind in (None, each.name):
            hidden = {} if own or each.name != "journal" else {"share": Share.ENTRY}
            rows = each.model._default_manager.filter(**filters, **hidden).order_by("-change")[: limit + 1]
            found += [(each, row) for row in rows]
    found.sort(key=lambda pair: -pair[1].change)
    following = None
    if len(found) > limit:
        following = signing.dumps([str(patient_id), found[limit - 1][1].change], salt=_SALT)
    return found[:limit], following

"""
The way back out: what changed since a cursor.

The cursor is opaque and signed, bound to the person, to what they may see and to the epoch. Change numbers are given
under the patient's lock, so they commit in order and a cursor can never skip a late commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core import signing

from tracker.people.access import Viewer
from tracker.records import held, timeline
from tracker.records.kinds import KINDS

_SALT = "interlude.sync.cursor"
START = 0
# A page is cut where its records are about this large together; one record always goes.
PAGE_BYTES = 1024 * 1024
# What a record takes on the wire beside its free text, roughly.
_RECORD_BYTES = 450


class BadCursorError(Exception):
    """The cursor was not made here, or not for this person."""


class EpochChangedError(Exception):
    """The system was restored from a backup since the cursor was made: start again without one."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the order of their changes, and where to go on."""

    records: list[dict[str, Any]]
    cursor: str
    more: bool


def cursor_at(viewer: Viewer, change: int) -> str:
    """Return the cursor that stands after ``change``."""
    return signing.dumps([str(viewer.user_id), timeline.epoch(), change], salt=_SALT)


def read_cursor(viewer: Viewer, cursor: str | None) -> int:
    """
    Return the change that ``cursor`` stands after; the beginning if there is none.

    :raises BadCursorError: if it is not one of ours for this person.
    :raises EpochChangedError: if the system was restored since it was made.
    """
    if not cursor:
        return START
    try:
        person, epoch, change = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadCursorError from None
    if person != str(viewer.user_id):
        raise BadCursorError
    if epoch != timeline.epoch():
        raise EpochChangedError
    return int(change)


def since(viewer: Viewer, cursor: str | None, limit: int) -> Page:
    """
    Return up to ``limit`` of the patient's own records that changed after ``cursor``, tombstones included.

    The number of statements depends on the kinds among them, not on how many there are or how long the history is.

    :raises BadCursorError: if the cursor is not one of ours for this person.
    :raises EpochChangedError: if the system was restored since it was made.
    """
    start = read_cursor(viewer, cursor)
    listed = held.since(viewer.own_patient_id, start, limit + 1, KINDS)
    page = _that_fits(listed[:limit])
    end = page[-1].change if page else start
    return Page(_shown(viewer, page), cursor_at(viewer, end), len(listed) > len(page))


def left(viewer: Viewer, cursor: str | None) -> int:
    """Return how many records a phone that stands at ``cursor`` has still to pull."""
    return held.count_since(viewer.own_patient_id, read_cursor(viewer, cursor), KINDS)


def _that_fits(listed: Sequence[held.Changed]) -> Sequence[held.Changed]:
    size = 0
    for place, changed in enumerate(listed):
        size += _RECORD_BYTES + changed.bytes
        if size > PAGE_BYTES and place:
            return listed[:place]
    return listed


def _shown(viewer: Viewer, page: Sequence[held.Changed]) -> list[dict[str, Any]]:
    place = {changed.id: n for n, changed in enumerate(page)}
    rows = held.by_ids(viewer.own_patient_id, [(changed.kind, changed.id) for changed in page])
    rows.sort(key=lambda pair: place[pair[1].id])
    return held.as_wire(viewer.clinic_id, viewer.own_patient_id, rows, own=True)

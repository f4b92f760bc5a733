"""
The way back out: what changed since a cursor.

The cursor is opaque and signed, bound to the person. Change numbers are given under the patient's lock, so they
commit in order and a cursor can never skip a late commit.
"""

from dataclasses import dataclass
from typing import Any

from django.core import signing

from tracker.people.access import Viewer
from tracker.records import held

_SALT = "interlude.sync.cursor"
START = 0


class BadCursorError(Exception):
    """The cursor was not made here, or not for this person."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records in the order of their changes, and where to go on."""

    records: list[dict[str, Any]]
    gone: list[str]
    cursor: str
    more: bool


def cursor_at(viewer: Viewer, change: int) -> str:
    """Return the cursor that stands after ``change``."""
    return signing.dumps([str(viewer.user_id), change], salt=_SALT)


def read_cursor(viewer: Viewer, cursor: str | None) -> int:
    """
    Return the change that ``cursor`` stands after; the beginning if there is none.

    :raises BadCursorError: if it is not one of ours for this person.
    """
    if not cursor:
        return START
    try:
        person, change = signing.loads(cursor, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        raise BadCursorError from None
    if person != str(viewer.user_id) or not isinstance(change, int):
        raise BadCursorError
    return change


def since(viewer: Viewer, cursor: str | None, limit: int) -> Page:
    """
    Return up to ``limit`` of the patient's own records that changed after ``cursor``, tombstones included.

    :raises BadCursorError: if the cursor is not one of ours for this person.
    """
    start = read_cursor(viewer, cursor)
    rows = held.since(viewer.own_patient_id, start, limit + 1)
    more = len(rows) > limit
    shown = rows[:limit]
    end = shown[-1][1].change if shown else start
    return Page(
        held.as_wire(viewer.clinic_id, viewer.own_patient_id, shown, own=True),
        [],
        cursor_at(viewer, end),
        more,
    )

"""
The way back out: what changed since a cursor.

The cursor is opaque and encrypted, bound to the person, to what they may see and to the epoch. Change numbers are given
under the patient's lock, so they commit in order and a cursor can never skip a late commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tracker.access.policy import Category
from tracker.access.principal import Principal
from tracker.lib import codes, wire_json
from tracker.lib.cursors import CursorCipher
from tracker.records import change_counter, queries
from tracker.treatment import session_list

_CURSORS = CursorCipher("pull")
START = 0
# What a record takes on the wire beside its free text, roughly.
_RECORD_BYTES = 450


class EpochChangedError(Exception):
    """The system was restored from a backup since the cursor was made: start again without one."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    Records and treatment sessions in the order of their changes, and where to go on.

    ``unreadable`` are records whose text cannot be decrypted: apart from the others, so that a reader
    who does not know of the mark keeps the copy that they have. ``revoked_ids`` are ids that the reader may no longer
    see, ``revoked_categories`` what is no longer shared as a whole.
    """

    records: list[dict[str, Any]]
    sessions: list[dict[str, Any]]
    unreadable: list[dict[str, Any]]
    revoked_ids: list[UUID]
    revoked_categories: list[str]
    cursor: str
    more: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a reader stands: after this change, having been shown these categories."""

    sequence: int
    shared: frozenset[Category]


def cursor_at(principal: Principal, patient_id: UUID, sequence: int) -> str:
    """Return the cursor that stands after ``sequence``."""
    shared = sorted(principal.visible_categories(patient_id))
    return _CURSORS.encrypt(change_counter.epoch(), sequence, shared, of=(principal.user_id, patient_id))


def read_cursor(principal: Principal, patient_id: UUID, cursor: str | None) -> int:
    """
    Return the change that ``cursor`` stands after; the beginning if there is none.

    :raises InvalidCursor: if it is not one of ours for this person.
    :raises EpochChangedError: if the system was restored since it was made.
    """
    return _read(principal, patient_id, cursor).sequence


def _read(principal: Principal, patient_id: UUID, cursor: str | None) -> _Place:
    if not cursor:
        return _Place(START, principal.visible_categories(patient_id))
    epoch, place = _CURSORS.decrypt(cursor, _parts, of=(principal.user_id, patient_id))
    if epoch != change_counter.epoch():
        raise EpochChangedError
    return place


def _parts(epoch: int, sequence: int, shared: Sequence[str]) -> tuple[int, _Place]:
    return epoch, _Place(int(sequence), frozenset(map(Category, shared)))


def page(principal: Principal, patient_id: UUID, cursor: str | None, limit: int) -> Page:
    """
    Return up to ``limit`` of a patient's records that changed after ``cursor``, tombstones included.

    For anybody but the patient row-level security leaves out what is not shared with them. Where more is shared than
    the last time, everything comes again from the start; where less is, the page says what has to go.
    The number of statements depends on the kinds among them, not on how many there are or how long the history is.

    :raises InvalidCursor: if the cursor is not one of ours for this person.
    :raises EpochChangedError: if the system was restored since it was made.
    """
    place, shared, as_patient = (
        _read(principal, patient_id, cursor),
        principal.visible_categories(patient_id),
        principal.is_patient,
    )
    start = START if shared - place.shared else place.sequence
    # Who starts anew has no copy that would have to go.
    listed = queries.changed_since(patient_id, start, limit + 1, as_patient=as_patient or not cursor)
    sessions = session_list.changed_since(patient_id, start, limit + 1)
    # Of whichever there are more than fit, the page ends with the last that does, for both.
    furthest = sessions[limit - 1].sequence if len(sessions) > limit else None
    changes = [each for each in _that_fits(listed[:limit]) if furthest is None or each.sequence <= furthest]
    shown, last = _shown(principal, patient_id, start, changes)
    # What takes more on the wire than it does in the database ends the page before its place.
    changes = [changed for changed in changes if last is None or changed.sequence <= last]
    more = len(listed) > len(changes) or furthest is not None
    if len(listed) > len(changes):
        furthest = changes[-1].sequence if changes else furthest
    sessions = [row for row in sessions[:limit] if furthest is None or row.sequence <= furthest]
    end = max([start, *(each.sequence for each in changes[-1:]), *(row.sequence for row in sessions[-1:])])
    return Page(
        records=[record for record in shown if not record.get("unreadable")],
        sessions=[session_list.session_out(row) for row in sessions],
        unreadable=[record for record in shown if record.get("unreadable")],
        revoked_ids=[changed.id for changed in changes if changed.kind == queries.REVOKED],
        revoked_categories=codes.all_to_wire(sorted(place.shared - shared)),
        cursor=cursor_at(principal, patient_id, end),
        more=more,
    )


def remaining(principal: Principal, patient_id: UUID, cursor: str | None) -> int:
    """Return how many records and sessions a reader who stands at ``cursor`` has still to pull."""
    start = read_cursor(principal, patient_id, cursor)
    return queries.count_since(patient_id, start) + session_list.count_since(patient_id, start)


def _that_fits(listed: Sequence[queries.Changed]) -> Sequence[queries.Changed]:
    return listed[: wire_json.count_that_fits(_RECORD_BYTES + changed.bytes for changed in listed)]


def _shown(
    principal: Principal, patient_id: UUID, after: int, changes: Sequence[queries.Changed]
) -> tuple[list[dict[str, Any]], int | None]:
    """The records of a page as the wire shows them; and the last one's change, if it is not the last of ``changes``."""
    kinds = {changed.kind for changed in changes} - {queries.REVOKED}
    rows = queries.changed_between(patient_id, after, changes[-1].sequence, kinds) if changes else []
    shown, count = queries.serialize_page(patient_id, rows, as_patient=principal.is_patient)
    return shown, rows[count - 1][1].sequence if count < len(rows) else None

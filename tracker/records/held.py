"""What is held of a patient's records: by id, by change number, as the wire shows it."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.people import keys
from tracker.records.kinds import KINDS, Kind
from tracker.records.models import FormerVersion, JournalEntry, JournalText, Recorded, Timeline
from tracker.records.models.diary import Share

_HELD = " UNION ALL ".join(
    f"SELECT '{kind.name}', id, revision, fingerprint FROM {kind.table} WHERE patient_id = %s AND id = ANY (%s)"
    for kind in KINDS.values()
)


def heads(patient_id: UUID, ids: Sequence[UUID]) -> dict[UUID, tuple[str, int, bytes]]:
    """Return id -> (kind, revision, fingerprint) of what is held, in one statement for all kinds."""
    with connection.cursor() as cursor:
        cursor.execute(_HELD, [patient_id, list(ids)] * len(KINDS))
        return {row[1]: (row[0], row[2], bytes(row[3])) for row in cursor.fetchall()}


def former_fingerprints(patient_id: UUID, ids: Sequence[UUID]) -> dict[UUID, dict[int, bytes]]:
    """Return id -> revision -> fingerprint of the versions that were replaced."""
    found: dict[UUID, dict[int, bytes]] = {}
    rows = FormerVersion.objects.filter(patient_id=patient_id, record_id__in=list(ids))
    for record_id, revision, fingerprint in rows.values_list("record_id", "revision", "fingerprint"):
        found.setdefault(record_id, {})[revision] = bytes(fingerprint or b"")
    return found


def _texts(patient_id: UUID, entries: Iterable[Recorded]) -> dict[tuple[UUID, int], str]:
    wanted = {(row.id, row.revision) for row in entries}
    if not wanted:
        return {}
    rows = JournalText.objects.filter(patient_id=patient_id, entry_id__in=[entry for entry, _ in wanted])
    of_revision = [row for row in rows.select_related("key") if (row.entry_id, row.revision) in wanted]
    return {(row.entry_id, row.revision): text for row, text in keys.open_all(of_revision)}


def envelope(kind: Kind, row: Recorded, data: dict[str, Any] | None) -> dict[str, Any]:
    """Return a record as the wire shows it. A tombstone has no data."""
    return {
        "kind": kind.name,
        "id": row.id,
        "revision": row.revision,
        "recorded_at": row.recorded_at,
        "zone": row.zone,
        "local_on": row.local_on,
        "received_at": row.received_at,
        "late": row.late,
        "clock": row.clock.lower(),
        "change": row.change,
        "removed": row.removed_at is not None,
    } | ({} if data is None else {"data": data})


def _is_private(kind: Kind, row: Recorded) -> bool:
    return isinstance(row, JournalEntry) and row.share != Share.ENTRY


def as_wire(
    clinic_id: UUID, patient_id: UUID, rows: Sequence[tuple[Kind, Recorded]], *, own: bool
) -> list[dict[str, Any]]:
    """
    Return records as the wire shows them, in the order given.

    ``own`` says that the reader is the patient. For others a page of the journal that is not shared is left out.
    """
    rows = [pair for pair in rows if own or not _is_private(*pair)]
    readable = [row for kind, row in rows if kind.name == "journal" and row.removed_at is None]
    texts = _texts(patient_id, readable)
    shown = []
    for kind, row in rows:
        data = None
        if row.removed_at is None:
            data = kind.to_data(row)
            if (row.id, row.revision) in texts:
                data["text"] = texts[row.id, row.revision]
        shown.append(envelope(kind, row, data))
    return shown


def by_ids(patient_id: UUID, wanted: Iterable[tuple[str, UUID]]) -> list[tuple[Kind, Recorded]]:
    """Return the rows of (kind, id) pairs, one statement per kind among them."""
    groups: dict[str, list[UUID]] = {}
    for name, record_id in wanted:
        groups.setdefault(name, []).append(record_id)
    return [
        (KINDS[name], row)
        for name, ids in groups.items()
        for row in KINDS[name].model._default_manager.filter(patient_id=patient_id, id__in=ids)
    ]


def since(patient_id: UUID, change: int, limit: int) -> list[tuple[Kind, Recorded]]:
    """
    Return up to ``limit`` records changed after ``change``, in the order of their changes.

    The kinds are read one after the other, each as of its own moment. The head is read first, and nothing beyond
    it is handed out: what commits in between waits for the next page, so no cursor goes past it.
    """
    head = Timeline.objects.filter(patient_id=patient_id).values_list("head", flat=True).first() or 0
    found: list[tuple[Kind, Recorded]] = []
    for kind in KINDS.values():
        rows = kind.model._default_manager.filter(patient_id=patient_id, change__gt=change, change__lte=head)
        found += [(kind, row) for row in rows.order_by("change")[:limit]]
    found.sort(key=lambda pair: pair[1].change)
    return found[:limit]

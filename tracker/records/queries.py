"""Queries of a patient's records: current versions by id, pages by change number, rows in wire format."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from tracker.access import caregivers
from tracker.clinics.models import Patient
from tracker.lib import codes, days, wire_json
from tracker.records.kinds import KINDS
from tracker.records.kinds.base import Kind
from tracker.records.models import FormerVersion
from tracker.records.patient_record import PatientRecord
from tracker.records.reading_source import Origin, SourceWho

# The envelope's part in what the wire shows.
_SHOWN = (
    "id", "revision", "recorded_at", "utc_offset_minutes", "time_zone", "zone_check", "local_date", "received_at",
    "entered_late", "clock_skew", "sequence", "removed_at", "amendment_reason",
    "origin", "source_device", "source_app", "source_who",
)  # fmt: skip
# Pseudo-kind: access to the record was revoked at this change.
REVOKED = "revoked"
_CURRENT_VERSIONS = " UNION ALL ".join(
    f"SELECT '{kind.name}', id, revision, fingerprint, {'status' if kind.scored else 'NULL'},"
    f" CASE WHEN clock_skew = 'ahead' THEN recorded_at END, author_id"
    f" FROM {kind.table} WHERE patient_id = %s AND id = ANY (%s)"
    for kind in KINDS.values()
)

# By the index, one version at a time: a record may have a thousand.
_FINGERPRINTS = """
SELECT former.record_id, former.revision, former.fingerprint
FROM unnest(%s::uuid[], %s::int[]) AS asked (record_id, revision)
JOIN records_formerversion AS former USING (record_id, revision) WHERE former.patient_id = %s
"""


@dataclass(frozen=True, slots=True)
class CurrentVersion:
    """
    Newest version of a record: its kind, revision and fingerprint; the status of a questionnaire response.

    ``ahead_at`` is its instant, if that came of a clock that was ahead; ``author_id`` the user who wrote it.
    """

    kind: str
    revision: int
    fingerprint: bytes
    status: str | None
    ahead_at: datetime | None
    author_id: UUID


def current_versions(patient_id: UUID, ids: Sequence[UUID]) -> dict[UUID, CurrentVersion]:
    """Return what is held under ``ids``, in one statement for all kinds."""
    with connection.cursor() as cursor:
        cursor.execute(_CURRENT_VERSIONS, [patient_id, list(ids)] * len(KINDS))
        rows = cursor.fetchall()
    return {
        record_id: CurrentVersion(kind, revision, bytes(key), status, ahead_at, author_id)
        for kind, record_id, revision, key, status, ahead_at, author_id in rows
    }


def previous_fingerprints(
    patient_id: UUID, versions: Collection[tuple[UUID, int]]
) -> dict[UUID, dict[int, bytes]]:
    """Return id -> revision -> fingerprint of those of ``versions`` (id, revision) that were replaced."""
    ids, revisions = [record_id for record_id, _ in versions], [revision for _, revision in versions]
    found: dict[UUID, dict[int, bytes]] = {}
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINTS, [ids, revisions, patient_id])
        for record_id, revision, fingerprint in cursor.fetchall():
            found.setdefault(record_id, {})[revision] = bytes(fingerprint or b"")
    return found


def previous_versions(
    patient_id: UUID, record_id: UUID, *, before: int, limit: int
) -> list[tuple[FormerVersion, PatientRecord]]:
    """
    Return the versions that were replaced, the newest first: the note of it, and the row as it was.

    At most ``limit`` of those below the revision ``before``.
    """
    notes = FormerVersion.objects.filter(
        patient_id=patient_id, record_id=record_id, revision__lt=before
    ).order_by("-revision", "-id")
    return [(note, _row_of(note)) for note in notes[:limit]]


def _row_of(note: FormerVersion) -> PatientRecord:
    model = KINDS[note.kind].model
    fields = [field for field in model._meta.concrete_fields if field.column in note.row]
    return model(**{field.attname: field.to_python(note.row[field.column]) for field in fields})


def envelope(
    kind: Kind,
    row: PatientRecord,
    data: dict[str, Any] | None,
    *,
    unreadable: bool = False,
    scoring: dict[str, Any] | None = None,
    author: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """
    Return a record as the wire shows it. A tombstone has no data, nor has one that is ``unreadable``.

    ``author`` is the caregiver who wrote it; none: the patient.
    """
    return {
        "kind": kind.name,
        "category": codes.to_wire(kind.category_of(row)),
        "id": row.id,
        "revision": row.revision,
        "recorded_at": days.rfc3339(row.recorded_at, row.utc_offset_minutes),
        "time_zone": row.time_zone,
        "zone_check": row.zone_check,
        "local_date": row.local_date,
        "received_at": row.received_at,
        "entered_late": row.entered_late,
        "clock_skew": row.clock_skew,
        "removed": row.removed_at is not None,
        **({} if row.amendment_reason is None else {"amendment_reason": row.amendment_reason}),
        **({} if row.origin == Origin.ENTERED else {"origin": row.origin}),
        **({"source": of} if (of := source(row)) else {}),
        **({} if author is None else {"author": author}),
        **({"capacity_guard": True} if data is not None and _is_in_capacity_guard(row) else {}),
        **({"unreadable": True} if unreadable else {}),
        **({} if data is None else {"data": data}),
        **({} if scoring is None else {"scoring": scoring}),
    }


def _is_in_capacity_guard(row: Any) -> bool:
    """Whether the answers of a row were given too soon after a dose to count; no other kind of record has the mark."""
    return getattr(row, "is_in_capacity_guard", False)


def source(row: PatientRecord) -> dict[str, str]:
    """Return where a reading comes from as the wire shows it; empty where nothing is named."""
    named = {"device": row.source_device, "app": row.source_app, "who": row.source_who}
    return {name: value for name, value in named.items() if value is not None}


def serialize(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]], *, as_patient: bool
) -> list[dict[str, Any]]:
    """
    Return records as the wire shows them, in the order given.

    ``as_patient`` says that the reader is the patient. For others what is not shared entry by entry is left out.
    A record whose text cannot be decrypted is marked ``unreadable`` and has no data at all: no part of it stands for
    the whole, and a reader keeps the copy that they have.
    """
    rows = [(kind, row) for kind, row in rows if as_patient or kind.is_visible_to_others(row)]
    beside, scorings = _beside(patient_id, rows), _scorings(patient_id, rows)
    authors = _caregivers(patient_id, rows)
    serialized = []
    for kind, row in rows:
        scoring = scorings.get((row.id, row.revision))
        part = beside.get((row.id, row.revision), {})
        author = authors.get((row.id, row.revision))
        if row.removed_at is not None:
            serialized.append(envelope(kind, row, None, author=author))
        elif part is None:
            serialized.append(envelope(kind, row, None, unreadable=True, author=author))
        else:
            data = kind.to_data(row) | part
            serialized.append(envelope(kind, row, data, scoring=scoring, author=author))
    return serialized


def _caregivers(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]]
) -> dict[tuple[UUID, int], dict[str, Any]]:
    """The authors of the rows that a caregiver wrote, by id and revision. Nothing is asked where there are none."""
    written = [(kind, row) for kind, row in rows if row.source_who == SourceWho.CAREGIVER]
    if not written:
        return {}
    # The rows of a pull are read without their authors, which nearly none of them needs.
    bare = [(kind.name, row.id) for kind, row in written if not hasattr(row, "author_id")]
    whole = [row for _, row in (*written, *get_many(patient_id, bare)) if hasattr(row, "author_id")]
    authors = {(row.id, row.revision): row.author_id for row in whole}
    clinic_id = Patient.objects.values_list("clinic_id", flat=True).get(pk=patient_id)
    names = caregivers.names(clinic_id, patient_id, set(authors.values()))
    return {
        version: {"id": user_id, "name": names[user_id]}
        for version, user_id in authors.items()
        if user_id in names
    }


def serialize_page(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]], *, as_patient: bool
) -> tuple[list[dict[str, Any]], int]:
    """
    Return the first records as the wire shows them, as many as one answer takes, and of how many rows they are.

    Long texts are not loaded only to be left out.
    """
    places = [n for n, (kind, row) in enumerate(rows) if as_patient or kind.is_visible_to_others(row)]
    visible = [rows[place] for place in places]
    sizes = _sizes_beside(patient_id, visible)
    loaded = visible[: wire_json.count_that_fits(sizes.get((row.id, row.revision), 0) for _, row in visible)]
    shown = list(wire_json.page_of(serialize(patient_id, loaded, as_patient=as_patient)))
    return shown, len(rows) if len(shown) == len(visible) else places[len(shown)]


def _sizes_beside(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]]
) -> dict[tuple[UUID, int], int]:
    """The bytes of what of the rows' data stands in other tables, where it may be more than one answer takes."""
    sizes: dict[tuple[UUID, int], int] = {}
    for kind in {kind.name: kind for kind, _ in rows if kind.size_beside is not None}.values():
        assert kind.size_beside is not None
        of_kind = [row for each, row in rows if each.name == kind.name and row.removed_at is None]
        sizes |= kind.size_beside(patient_id, of_kind)
    return sizes


def _beside(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]]
) -> dict[tuple[UUID, int], dict[str, Any] | None]:
    """What of the rows' data stands in other tables, by id and revision: the texts of the journal."""
    beside: dict[tuple[UUID, int], dict[str, Any] | None] = {}
    for kind, found in _present(rows).items():
        if kind.load_beside is not None:
            beside |= kind.load_beside(patient_id, found)
    return beside


def _scorings(
    patient_id: UUID, rows: Sequence[tuple[Kind, PatientRecord]]
) -> dict[tuple[UUID, int], dict[str, Any]]:
    """What was made of the rows' answers, by id and revision."""
    scorings: dict[tuple[UUID, int], dict[str, Any]] = {}
    for kind, found in _present(rows).items():
        if kind.load_scoring is not None:
            scorings |= kind.load_scoring(patient_id, found)
    return scorings


def _present(rows: Sequence[tuple[Kind, PatientRecord]]) -> dict[Kind, list[PatientRecord]]:
    """The rows that are not removed, by kind."""
    groups: dict[Kind, list[PatientRecord]] = {}
    for kind, row in rows:
        if row.removed_at is None:
            groups.setdefault(kind, []).append(row)
    return groups


def get_many(patient_id: UUID, wanted: Iterable[tuple[str, UUID]]) -> list[tuple[Kind, PatientRecord]]:
    """Return the rows of (kind, id) pairs, one statement per kind among them."""
    groups: dict[str, list[UUID]] = {}
    for name, record_id in wanted:
        groups.setdefault(name, []).append(record_id)
    return [
        (KINDS[name], row)
        for name, ids in groups.items()
        for row in KINDS[name].rows(patient_id).filter(id__in=ids)
    ]


# Change numbers commit in order and one statement sees one moment: nothing it lists can have a gap before it.
_CHANGED = "SELECT kind, id, sequence, bytes FROM ({}) AS changed ORDER BY sequence LIMIT %(limit)s"
_CHANGED_OF = """
(SELECT '{kind}' AS kind, {id} AS id, sequence, {bytes} AS bytes FROM {table} AS record
 WHERE patient_id = %(patient)s AND sequence > %(sequence)s ORDER BY sequence LIMIT %(limit)s)
"""
_LEFT_OF = "SELECT count(*) AS n FROM {table} WHERE patient_id = %(patient)s AND sequence > %(sequence)s"


@dataclass(frozen=True, slots=True)
class Changed:
    """A record that changed: its place in the order of changes, and about how many bytes of text and answers it has."""

    kind: str
    id: UUID
    sequence: int
    bytes: int


def changed_between(
    patient_id: UUID, after: int, through: int, kinds: Iterable[str]
) -> list[tuple[Kind, Any]]:
    """
    Return the records of ``kinds`` whose change is after ``after`` and up to ``through``, in the order of changes.

    One that has changed again since it was listed is not among them: it comes at its new place. Asked for by change
    and not by id, since a range of the index costs the same however long the history is.
    """
    rows = [
        (KINDS[name], row)
        for name in kinds
        # Plain tuples with names: to build 500 models takes longer than all the rest.
        for row in KINDS[name]
        .rows(patient_id)
        .filter(sequence__gt=after, sequence__lte=through)
        .values_list(*_SHOWN, *KINDS[name].columns, named=True)
    ]
    rows.sort(key=lambda pair: pair[1].sequence)
    return rows


def changed_since(patient_id: UUID, sequence: int, limit: int, *, as_patient: bool) -> list[Changed]:
    """
    Return up to ``limit`` records changed after ``sequence``, in the order of their changes.

    Without ``as_patient`` the reader is somebody whom row-level security shows less, and what was shown once and is no
    more comes as of the kind ``REVOKED``.
    """
    branches = [
        _CHANGED_OF.format(kind=kind.name, id="id", table=kind.table, bytes=kind.free_bytes)
        for kind in KINDS.values()
    ]
    if not as_patient:
        revoked = _CHANGED_OF.format(
            kind=REVOKED, id="record_id", table="records_accessrevocation", bytes="0"
        )
        branches.append(revoked)
    values: dict[str, Any] = {"patient": patient_id, "sequence": sequence, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED.format(" UNION ALL ".join(branches)), values)
        return [Changed(*row) for row in cursor.fetchall()]


def count_since(patient_id: UUID, sequence: int) -> int:
    """Return how many records changed after ``sequence``, as far as row-level security shows them."""
    branches = [_LEFT_OF.format(table=kind.table) for kind in KINDS.values()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT sum(n) FROM ({' UNION ALL '.join(branches)}) AS counted",
            {"patient": patient_id, "sequence": sequence},
        )
        return int(cursor.fetchone()[0])

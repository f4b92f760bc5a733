"""Comparing events, links, heads and anchors, and naming the first event that is not as it was written."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from tracker.audit import anchoring, anchors, chain
from tracker.audit.models import SYSTEM
from tracker.lib import rls

_EVENTS = """
SELECT link.seq, link.hash, link.event_id, event.id::text,
       (extract(epoch FROM event.at) * 1000000)::bigint::text, event.actor, event.on_behalf_of, event.action,
       event.kind, event.subject, event.patient::text, array_to_string(event.patients, ','), event.purpose,
       event.device, event.request, event.result, event.detail::text
FROM audit_chainlink AS link LEFT JOIN audit_auditevent AS event
  ON event.id = link.event_id AND event.clinic_id = link.clinic_id
WHERE link.clinic_id = %s AND link.seq > %s ORDER BY link.seq LIMIT %s
"""
_UNLINKED = """
SELECT min(event.id) FROM audit_auditevent AS event WHERE event.clinic_id = %s
  AND NOT EXISTS (SELECT FROM audit_chainlink AS link WHERE link.event_id = event.id
                  AND link.clinic_id = event.clinic_id)
"""
_EVENT_TIME = """
SELECT event.at FROM audit_chainlink AS link JOIN audit_auditevent AS event
  ON event.id = link.event_id AND event.clinic_id = link.clinic_id
WHERE link.clinic_id = %s AND link.seq = %s
"""
_PAGE = 2000
# Anchors are written every minute: what has none after ten has been left alone.
ANCHORED_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Problem:
    """The first thing that is wrong with a chain. ``event_id`` is none where no event can be named."""

    clinic_id: str
    why: str
    event_id: int | None = None
    seq: int | None = None

    def __str__(self) -> str:
        place = f" at number {self.seq}" if self.seq is not None else ""
        event = f", event {self.event_id}" if self.event_id is not None else ""
        return f"chain {self.clinic_id}{place}{event}: {self.why}"


@dataclass(frozen=True, slots=True)
class Report:
    """How many events were compared, in how many chains, and what is wrong: nothing, if all is well."""

    events: int
    chains: int
    anchors: int
    problems: list[Problem]


@dataclass(slots=True)
class AnchorIndex:
    """What the anchors know: the hash at a number of each chain, when the newest was written, and what is bad."""

    chains: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))
    newest: datetime | None = None
    problems: list[Problem] = field(default_factory=list)


def verify(clinics: Iterable[UUID], *, at: datetime, only: bool = False) -> Report:
    """
    Compare the chains of ``clinics``, the system's and, unless ``only`` these are asked for, all that the anchors
    know of. A chain that the anchors do not follow is a finding too: nobody would see its end being made anew.

    Safe while others write: the anchors are read first, the database afterwards, at one instant.
    """
    anchored = _read_anchors()
    names = sorted({str(one) for one in clinics} | {str(SYSTEM)} | (set() if only else set(anchored.chains)))
    events, signed = 0, sum(len(counts) for counts in anchored.chains.values())
    problems = anchored.problems
    for name in names:
        count, problem = _verify_one(UUID(name), anchored, at)
        events += count
        problems += [problem] if problem else []
    return Report(events, len(names), signed, problems)


def _read_anchors() -> AnchorIndex:
    told = AnchorIndex()
    for line in anchors.read(anchoring.folder(), public_keys()):
        if isinstance(line, anchors.InvalidLine):
            told.problems.append(Problem("(anchors)", line.why))
            continue
        if told.chains[line.clinic].setdefault(line.count, line.hash) != line.hash:
            told.problems.append(Problem(line.clinic, "two anchors of this number differ", seq=line.count))
        written = datetime.fromisoformat(line.at)
        told.newest = max(told.newest or written, written)
    return told


def public_keys() -> list[bytes]:
    """
    Return the keys that an anchor may be signed with: today's, and those of before.

    Never those in the database, whose owner could put one there.

    :raises NoAnchorKey: if this process has no anchor key.
    """
    return [anchors.public_key(anchoring.signing_key()), *settings.ANCHOR_KEYS_OLD]


def _verify_one(clinic_id: UUID, anchored: AnchorIndex, at: datetime) -> tuple[int, Problem | None]:
    with transaction.atomic():
        # All of it as of one instant: what others write meanwhile is not half seen.
        if not connection.savepoint_ids:
            _rows("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with rls.as_clinic(clinic_id):
            known = anchored.chains[str(clinic_id)]
            seq, problem = _compare(clinic_id, known)
            return seq, problem or _unanchored_events(
                clinic_id, seq, max(known, default=0), anchored.newest, at
            )


def _unanchored_events(
    clinic_id: UUID, seq: int, known: int, newest: datetime | None, at: datetime
) -> Problem | None:
    """Events that no anchor tells of, though there was time for one."""
    if seq <= known:
        return None
    if newest is None:
        return Problem(str(clinic_id), f"no anchor tells of its {seq} events: there are no anchors at all")
    since = _rows(_EVENT_TIME, clinic_id, known + 1)[0][0]
    if at - min(newest, since) <= ANCHORED_WITHIN:
        return None
    return Problem(
        str(clinic_id),
        f"no anchor tells of its last {seq - known} events; the newest anchor is of {newest.isoformat()}",
        seq=known + 1,
    )


def _compare(clinic_id: UUID, anchored: dict[int, str]) -> tuple[int, Problem | None]:
    name, seq, digest, last = str(clinic_id), 0, chain.START, None
    for linked, held, event_id, *parts in _links(clinic_id):
        seq += 1
        if linked != seq:
            return seq, Problem(name, "its link is missing", seq=seq)
        if parts[0] is None:
            return seq, Problem(name, "the event was removed, or moved away", event_id, seq)
        digest, last = chain.next_hash(digest, name, seq, parts), event_id
        if digest != bytes(held):
            return seq, Problem(name, "the event is not as it was written", event_id, seq)
        if anchored.get(seq, digest.hex()) != digest.hex():
            return seq, Problem(name, "the event is not the one that was anchored", event_id, seq)
    return seq, _compare_end(clinic_id, anchored, seq, digest, last)


def _compare_end(
    clinic_id: UUID, anchored: dict[int, str], seq: int, digest: bytes, last: int | None
) -> Problem | None:
    """The end of the links against the head, the anchors, and the events that nobody linked."""
    name = str(clinic_id)
    beyond = [count for count in anchored if count > seq]
    if beyond:
        return Problem(name, f"the end was cut off: an anchor knows {max(beyond)} events", seq=seq + 1)
    head = _rows("SELECT seq, hash, event_id FROM audit_chainhead WHERE clinic_id = %s", clinic_id)
    if head and (head[0][0], bytes(head[0][1]), head[0][2]) != (seq, digest, last):
        return Problem(
            name, f"the head tells of {head[0][0]} events, its links of {seq}", head[0][2], seq + 1
        )
    if not head and seq:
        return Problem(name, "the head is missing", last, seq)
    stray = _rows(_UNLINKED, clinic_id)[0][0]
    return Problem(name, "the event was put in beside the chain", stray) if stray else None


def _links(clinic_id: UUID) -> Iterator[tuple[Any, ...]]:
    seq = -(2**62)
    while page := _rows(_EVENTS, clinic_id, seq, _PAGE):
        yield from page
        seq = page[-1][0]


def _rows(sql: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []

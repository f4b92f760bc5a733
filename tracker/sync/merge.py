"""
Current and incoming versions to decisions. Pure.

A record's revision counts its versions. New content comes with the revision after the one held; the same
revision with the same content was sent before; the same or an older revision with other content was
written without knowing of ours, and is a conflict. A tombstone is a version like any other, so an edit
made before the removal was known conflicts with it and never brings the record back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class Status(StrEnum):
    """What becomes of one incoming record."""

    STORED = "stored"
    REPLAYED = "replayed"
    CONFLICT = "conflict"
    REJECTED = "rejected"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class CurrentVersion:
    """
    What we have under an id. ``former`` maps earlier revisions to their fingerprints; ``is_finished`` says of a
    questionnaire that it was complete. ``ahead_at`` is the instant that a clock which was ahead gave it, ``author_id``
    the user who wrote it.
    """

    kind: str
    revision: int
    fingerprint: bytes
    former: Mapping[int, bytes]
    is_finished: bool = False
    ahead_at: datetime | None = None
    author_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """What arrives under an id."""

    kind: str
    id: UUID
    revision: int
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class VersionDecision:
    """The status, and why when it is not ``stored`` or ``replayed``."""

    status: Status
    code: str = ""


def decide(held: CurrentVersion | None, incoming: Incoming) -> VersionDecision:
    """Return what becomes of ``incoming`` when ``held`` is what we have under its id."""
    if held is None:
        if incoming.revision == 1:
            return VersionDecision(Status.STORED)
        return VersionDecision(Status.RETRY, "missing_base_revision")
    if held.kind != incoming.kind:
        return VersionDecision(Status.REJECTED, "kind_mismatch")
    if incoming.revision == held.revision + 1:
        return VersionDecision(Status.STORED)
    if incoming.revision > held.revision:
        return VersionDecision(Status.RETRY, "missing_base_revision")
    known = held.fingerprint if incoming.revision == held.revision else held.former.get(incoming.revision)
    if known == incoming.fingerprint:
        return VersionDecision(Status.REPLAYED)
    return VersionDecision(Status.CONFLICT, "newer_version_held")


def after(
    held: CurrentVersion | None,
    incoming: Incoming,
    *,
    is_finished: bool = False,
    author_id: UUID | None = None,
) -> CurrentVersion:
    """Return what is held once ``incoming``, by ``author_id``, has been stored. What was finished once, stays so."""
    former = dict(held.former) | {held.revision: held.fingerprint} if held else {}
    finished = is_finished or (held is not None and held.is_finished)
    ahead_at = held.ahead_at if held else None
    return CurrentVersion(
        incoming.kind, incoming.revision, incoming.fingerprint, former, finished, ahead_at, author_id
    )


def merge_fields(
    base: Mapping[str, Any], ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """
    Merge two edits of ``base``: what is held (``ours``) and what arrives (``theirs``). Return (merged, overwritten).

    A field that only one side changed has that side's value. Where both changed it, the later arrival wins, and
    ``overwritten`` holds the value that it replaced. A field that is not there is not set.
    """
    merged, overwritten = dict(ours), {}
    for name in base.keys() | ours.keys() | theirs.keys():
        before, held, sent = base.get(name), ours.get(name), theirs.get(name)
        if sent in (before, held):
            continue
        merged[name] = sent
        if held != before:
            overwritten[name] = held
    return {name: value for name, value in merged.items() if value is not None}, overwritten

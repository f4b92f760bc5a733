"""Parsing of what a phone sent: each item on its own, so that one bad record never blocks another."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tracker.lib import encryption, validation_errors
from tracker.lib.validation_errors import FieldError
from tracker.records.kinds import RECORD, Record


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """An item that cannot be taken: its id as far as it could be read, and what is wrong with it."""

    id: str | None
    errors: tuple[FieldError, ...]


# What else stands where an id should be is not kept in the receipt: it may be anything.
_LIKE_AN_ID = re.compile(r"[0-9a-fA-F-]{1,64}")


def parse(item: Any) -> Record | InvalidItem:
    """Return the record in ``item``, or why it cannot be taken. No value of it is echoed."""
    try:
        return RECORD.validate_python(item)
    except ValidationError as problem:
        tag = item.get("kind") if isinstance(item, dict) else None
        return InvalidItem(_id_of(item), tuple(validation_errors.of(problem, item, tag=tag)))


def _id_of(item: Any) -> str | None:
    given = item.get("id") if isinstance(item, dict) else None
    return given if isinstance(given, str) and _LIKE_AN_ID.fullmatch(given) else None


def fingerprint(key: bytes, record: Record) -> bytes:
    """Return what tells whether the same id comes again with the same content."""
    content = record.model_dump(mode="json", exclude={"revision", "id"}, exclude_none=True)
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return encryption.keyed_hash(key, plain.encode())


def batch_fingerprint(key: bytes, plain: Sequence[str]) -> bytes:
    """Return what tells whether the same batch key comes again with the same records, each as canonical JSON."""
    digest = hashlib.sha256()
    for text in plain:
        digest.update(text.encode() + b"\n")
    return encryption.keyed_hash(key, digest.digest())

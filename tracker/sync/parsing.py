"""Reading what a phone sent: each item on its own, so that one bad record never blocks another. Pure."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from tracker.lib import encryption, strict_json
from tracker.records.shapes import RECORD, Record


@dataclass(frozen=True, slots=True)
class InvalidItem:
    """An item that cannot be taken: its id as far as it could be read, a stable code, and the field."""

    id: str | None
    code: str
    pointer: str
    detail: str


# What else stands where an id should be is not kept in the receipt: it may be anything.
_LIKE_AN_ID = re.compile(r"[0-9a-fA-F-]{1,64}")
_CODES = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "union_tag_invalid": "unknown_kind",
    "union_tag_not_found": "unknown_kind",
    "literal_error": "not_offered",
    "greater_than_equal": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "bad_format",
    "too_long": "too_many",
}


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    return "wrong_type" if kind.endswith(("_type", "_parsing")) else kind


def parse(item: Any) -> Record | InvalidItem:
    """Return the record in ``item``, or why it cannot be taken. No value of it is echoed."""
    if isinstance(item, strict_json.Spoilt):
        return InvalidItem(_id_of(item), "bad_text", "", "A text holds NUL or half a character.")
    try:
        return RECORD.validate_python(item)
    except ValidationError as problem:
        first = problem.errors(include_input=False, include_url=False, include_context=False)[0]
        place = [str(part) for part in first["loc"]]
        # The discriminator puts the kind in front of the place.
        if place and isinstance(item, dict) and place[0] == item.get("kind"):
            place = place[1:]
        # Only our own words: a message of the validator may quote what was sent.
        return InvalidItem(
            _id_of(item), _code(first["type"]), ".".join(place[:4])[:120], _words(first["type"])
        )


def _id_of(item: Any) -> str | None:
    given = item.get("id") if isinstance(item, dict) else None
    return given if isinstance(given, str) and _LIKE_AN_ID.fullmatch(given) else None


_WORDS = {
    "extra_forbidden": "This field is not known here.",
    "missing": "This field must be there.",
    "greater_than_equal": "The value is below the scale.",
    "less_than_equal": "The value is above the scale.",
    "literal_error": "The value is not one that is offered.",
}


def _words(kind: str) -> str:
    return _WORDS.get(kind, "The value cannot be taken here.")


def fingerprint(key: bytes, record: Record) -> bytes:
    """Return what tells whether the same id comes again with the same content."""
    content = record.model_dump(mode="json", exclude={"revision", "id"}, exclude_none=True)
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return encryption.keyed_hash(key, plain.encode("utf-8", "surrogatepass"))


def batch_fingerprint(key: bytes, plain: Sequence[str]) -> bytes:
    """Return what tells whether the same batch key comes again with the same records, each as canonical JSON."""
    digest = hashlib.sha256()
    for text in plain:
        digest.update(text.encode("utf-8", "surrogatepass") + b"\n")
    return encryption.keyed_hash(key, digest.digest())

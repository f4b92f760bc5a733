"""
Errors of the validator as the wire tells them: a stable code, an RFC 6901 pointer, a sentence. Pure.

The same value gets the same error on every route. No value is echoed, and no word of the validator's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import core_schema

_MOST = 20
_DEEPEST, _LONGEST_PART = 6, 80
_CODES = {
    "extra_forbidden": "unknown_field",
    "missing": "missing_field",
    "union_tag_invalid": "unknown_kind",
    "union_tag_not_found": "unknown_kind",
    "literal_error": "not_offered",
    "enum": "not_offered",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "finite_number": "out_of_range",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "bad_format",
    "too_long": "too_many",
    "too_short": "too_short",
}
_DETAILS = {
    "extra_forbidden": "This field is not known here.",
    "missing": "This field must be there.",
    "greater_than_equal": "The value is below the scale.",
    "less_than_equal": "The value is above the scale.",
    "literal_error": "The value is not one that is offered.",
}
_OWN_WORDS = frozenset(get_args(core_schema.ErrorType))


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one place of a document. The pointer of the document as a whole is empty."""

    pointer: str
    code: str
    detail: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def pointer(parts: Iterable[str | int]) -> str:
    """Return the RFC 6901 pointer of a place."""
    return "".join("/" + str(part)[:_LONGEST_PART].replace("~", "~0").replace("/", "~1") for part in parts)


def of(problem: ValidationError, document: Any, *, tag: str | None = None) -> list[FieldError]:
    """
    Return the errors of ``document``, the first 20.

    ``tag`` is what the validator puts in front of each place in a union that is told apart by a field.
    """
    found = problem.errors(include_input=False, include_url=False)[:_MOST]
    return [_error(error["type"], error["loc"], error.get("ctx", {}), document, tag) for error in found]


def _error(
    kind: str, loc: tuple[str | int, ...], context: Mapping[str, Any], document: Any, tag: str | None
) -> FieldError:
    place = _place(loc[1:] if tag is not None and loc[:1] == (tag,) else loc, document, kind)
    if kind.startswith("union_tag_"):
        place.append(str(context["discriminator"]).strip("'"))
    return FieldError(
        pointer(place[:_DEEPEST]), _code(kind), _DETAILS.get(kind, "The value cannot be taken here.")
    )


def _place(loc: tuple[str | int, ...], document: Any, kind: str) -> list[str | int]:
    """The place in the document: without the types that the validator names where it tried several."""
    place: list[str | int] = []
    for n, part in enumerate(loc, start=1):
        is_in = (
            0 <= part < len(document)
            if isinstance(document, list) and isinstance(part, int)
            else isinstance(document, Mapping) and part in document
        )
        if is_in:
            document = document[part]
        elif kind != "missing" or n < len(loc):
            continue
        place.append(part)
    return place


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    if kind not in _OWN_WORDS:
        return kind
    return "wrong_type" if kind.endswith(("_type", "_parsing")) else "invalid"

"""
Errors of the validator as the wire tells them: a stable code, an RFC 6901 pointer, a sentence. Pure.

The same value gets the same error on every route. No value is echoed, and no word of the validator's own: what is asked
for (a limit, the codes that are offered, the type) stands behind the sentence of the code.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails, core_schema

from tracker.lib import strict_text
from tracker.lib.error_codes import CODES

_MOST = 20
_DEEPEST, _LONGEST_PART = 6, 80
_QUOTED = re.compile(r"'([^']*)'")
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
    "string_unicode": "bad_text",
    "too_long": "too_many",
    "too_short": "too_short",
}
# What a limit of the validator is called, and how it is said.
_LIMITS = {
    "greater_than_equal": ("ge", "at least {}"),
    "greater_than": ("gt", "more than {}"),
    "less_than_equal": ("le", "at most {}"),
    "less_than": ("lt", "less than {}"),
    "string_too_long": ("max_length", "at most {} characters"),
    "string_too_short": ("min_length", "at least {} characters"),
    "too_long": ("max_length", "at most {}"),
    "too_short": ("min_length", "at least {}"),
}
_TYPES = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
}
_LONGEST_HINT = 400
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
    """Return the RFC 6901 pointer of a place; of a name that holds bad text, what can be shown of it."""
    return "".join("/" + _escaped(strict_text.printable(str(part))) for part in parts)


def _escaped(part: str) -> str:
    return part[:_LONGEST_PART].replace("~", "~0").replace("/", "~1")


def of(problem: ValidationError, document: Any, *, tag: str | None = None) -> list[FieldError]:
    """
    Return the errors of ``document``, the first 20.

    ``tag`` is what the validator puts in front of each place in a union that is told apart by a field.
    """
    found = problem.errors(include_input=False, include_url=False)[:_MOST]
    errors = dict.fromkeys(_error(error, document, tag) for error in found)
    # Of a value that may be of several types each is tried: what is wrong in the one that fits is told.
    explained = {error.pointer for error in errors if error.code != "wrong_type"}
    return [error for error in errors if error.code != "wrong_type" or error.pointer not in explained]


def field_error(place: Iterable[str | int], code: str) -> FieldError:
    """Return the error of one place with the sentence of its code."""
    return FieldError(pointer(place), code, CODES[code].detail)


def _error(error: ErrorDetails, document: Any, tag: str | None) -> FieldError:
    kind, loc = error["type"], error["loc"]
    loc = loc[1:] if tag is not None and loc[:1] == (tag,) else loc
    place = _place(loc, document, kind)
    # Where several types were tried, what one of them asks for is not all that there is.
    hint = _hint(error) if len(place) == len(loc) else ""
    if kind.startswith("union_tag_"):
        place.append(str(error["ctx"]["discriminator"]).strip("'"))
    code = _code(kind)
    # A kind of record may have a code of its own: the sentence is then the one that it was raised with.
    sentence = CODES[code].detail if code in CODES else error["msg"]
    if hint:
        sentence = f"{sentence.rstrip('.')}: {hint}."
    return FieldError(pointer(place[:_DEEPEST]), code, sentence)


def _hint(error: ErrorDetails) -> str:
    """What is asked for, in our words; nothing where the code says it."""
    kind, about = error["type"], error.get("ctx", {})
    if kind == "literal_error":
        offered = ", ".join(_QUOTED.findall(str(about.get("expected", ""))))
        return f"one of {offered}" if 0 < len(offered) <= _LONGEST_HINT else ""
    if kind in _LIMITS:
        name, said = _LIMITS[kind]
        return said.format(about[name]) if type(about.get(name)) in (int, float) else ""
    return _TYPES.get(kind, "")


def _place(loc: tuple[str | int, ...], document: Any, kind: str) -> list[str | int]:
    """The place in the document: without the types that the validator names where it tried several."""
    place: list[str | int] = []
    for n, part in enumerate(loc, start=1):
        key = _key(part, document)
        if key is not None:
            document = document[key]
        elif kind != "missing" or n < len(loc):
            continue
        place.append(part)
    if kind == "string_unicode" and isinstance(document, Mapping):
        place += [key for key in document if strict_text.is_bad(key)][:1]
    return place


def _key(part: str | int, document: Any) -> str | int | None:
    """The index or key of ``document`` that the validator means by ``part``; None if it names a type."""
    if isinstance(document, list):
        return part if isinstance(part, int) and 0 <= part < len(document) else None
    if not isinstance(document, Mapping) or part in document:
        return part if isinstance(document, Mapping) else None
    # The validator writes half a character as U+FFFD.
    return next(
        (key for key in document if strict_text.is_bad(key) and strict_text.printable(key) == part), None
    )


def _code(kind: str) -> str:
    if kind in _CODES:
        return _CODES[kind]
    if kind not in _OWN_WORDS:
        return kind
    return "wrong_type" if kind.endswith(("_type", "_parsing")) else "bad_format"

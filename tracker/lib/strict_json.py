"""
A JSON decoder for what strangers send.

Refused, each with a stable code: bad UTF-8, numbers that are not finite (``1e400``, ``NaN``), NUL and lone
surrogates (unless a schema refuses them by field), duplicate keys, nesting deeper than 32. Python's own decoder
accepts all of them.

A number is its value, however it is spelt: 3.0 and 3e0 are the integer 3, as in JSON Schema.
"""

import json
import math
import re
from typing import Any, NoReturn

from tracker.lib import strict_text

DEEPEST = 32
# Possessive, and content with a string that never ends: one pass whatever is sent.
_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_SUSPECT = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_LONGEST_NUMBER = 400
# No field has more than three decimals: what is this near to an integer came of binary arithmetic (3.0000000000000004).
_NOISE = 1e-9
# Above it neighbouring floats are further apart than integers.
_EXACT = 2**53


class BadJSON(ValueError):
    """The body is not JSON that we take. ``code`` is stable, for clients; the text is for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def _refuse_constant(_: str) -> NoReturn:
    raise BadJSON("number_not_finite", "NaN and Infinity are not JSON.")


def _finite(text: str) -> int | float:
    value = float(text)
    if not math.isfinite(value):
        raise BadJSON("number_not_finite", "A number is too large.")
    return by_value(value)


def by_value(number: float) -> int | float:
    """Return the integer that a number is, but for the noise of binary arithmetic; any other number as it is."""
    if abs(number) < _EXACT and abs(number - round(number)) <= _NOISE:
        return round(number)
    return number


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise BadJSON("number_too_long", "A number has too many digits.")
    return int(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJSON("duplicate_key", "A key stands twice in one object.")
    return result


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole
)


def _depth(body: bytes) -> int:
    deepest = depth = 0
    for byte in _STRINGS.sub(b"", body):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _has_bad_text(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_bad_text(key) or _has_bad_text(part) for key, part in value.items())
    if isinstance(value, list):
        return any(map(_has_bad_text, value))
    return strict_text.is_bad(value)


def decode(body: bytes, *, any_text: bool = False) -> Any:
    """
    Return the value that ``body`` holds.

    With ``any_text`` bad text is left to the schema that the value is validated against, which names the field.

    :raises BadJSON: if it is not strict JSON.
    """
    if _depth(body) > DEEPEST:
        raise BadJSON("too_deep", f"The body is nested deeper than {DEEPEST}.")
    try:
        value = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise BadJSON("bad_utf8", "The body is not UTF-8.") from None
    except RecursionError:
        raise BadJSON("too_deep", f"The body is nested deeper than {DEEPEST}.") from None
    except json.JSONDecodeError:
        raise BadJSON("bad_json", "The body is not JSON.") from None
    if not any_text and _SUSPECT.search(body) and _has_bad_text(value):
        raise BadJSON("bad_text", "A text holds NUL or half a character.")
    return value


def decode_object(body: bytes) -> dict[str, Any]:
    """
    Return the object that ``body`` holds; an empty one of no body at all.

    :raises BadJSON: if it is not strict JSON, or not an object.
    """
    value = decode(body) if body else {}
    if not isinstance(value, dict):
        raise BadJSON("not_an_object", "The body is not an object.")
    return value

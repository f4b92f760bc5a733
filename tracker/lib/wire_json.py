"""JSON as the API writes it, and how much of it fits into one answer. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import orjson

T = TypeVar("T")
# A list is cut where what it holds is this large together, as written on the wire; the first item always goes. Escaped
# control characters take six bytes each, so the size of what is stored does not bound an answer.
PAGE_BYTES = 1024 * 1024


_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
_INTEGERS = range(-(2**63), 2**64)


def dump(data: Any) -> bytes:
    """Write JSON; instants are RFC 3339 in UTC. Integers may be of any size: what is stored can be read."""
    try:
        return orjson.dumps(data, option=_OPTIONS, default=str)
    except TypeError:
        return orjson.dumps(_with_digits(data), option=_OPTIONS, default=str)


def _with_digits(data: Any) -> Any:
    """The same, with the integers that the library has no room for as they are written."""
    if isinstance(data, Mapping):
        return {key: _with_digits(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_with_digits(value) for value in data]
    if isinstance(data, int) and data not in _INTEGERS:
        return orjson.Fragment(str(data))
    return data


def page_of(items: Sequence[T]) -> Sequence[T]:
    """Return the first of ``items``, as many as one answer takes."""
    return items[: count_that_fits(len(dump(item)) for item in items)]


def count_that_fits(sizes: Iterable[int]) -> int:
    """Return how many items of these sizes, in bytes, one answer takes."""
    total = count = 0
    for size in sizes:
        total += size
        if total > PAGE_BYTES and count:
            break
        count += 1
    return count

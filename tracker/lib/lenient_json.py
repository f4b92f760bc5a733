"""
A lenient JSON decoder: what can be made out of a body that ``strict_json`` refuses, for the safety scan alone.

Nothing that it returns is ever stored. It reads in one pass and without recursion: the cost grows with the length.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

_COMPRESSED = (b"\x1f\x8b", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_PIECE = 1024
_LONGEST_NUMBER = 400
# What is made of a text takes 50 MB at most; a batch as phones send it is a tenth of this.
_MOST_TOKENS = 500_000
_MOST_CONTAINERS = 150_000
_TOKENS_BETWEEN_LOOKS = 1_000
# A quote ends a text only where JSON could go on behind it: one that is missing or not escaped costs one text, not the
# rest of the body. Possessive, so that nothing is read twice.
_TOKENS = re.compile(
    r'"(?P<text>(?:[^"\\]|\\.|"(?!\s*+(?:[],:}]|\Z)))*+)"?|(?P<mark>[][{},])|(?P<bare>[^][{},:"\s]++)',
    re.DOTALL,
)
REST = object()
IsOver = Callable[[], bool]
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}


class RepeatedKey(str):
    """A key that stood in the same object before: it reads like that one, and equals no other."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _never() -> bool:
    return False


def inflate(body: bytes, most: int, is_over: IsOver = _never) -> tuple[bytes, bool]:
    """
    Return up to ``most`` plain bytes of ``body``, and whether these are all of them. It ends when ``is_over``.

    Whether it is compressed (gzip, zlib), once or twice, is told by its first bytes. Members one after another are
    joined, what stands behind them is left out, a broken one is read up to the break.
    """
    plain, is_all = _inflate_once(body, most, is_over)
    if plain.startswith(_COMPRESSED) and body.startswith(_COMPRESSED):
        twice, is_whole = _inflate_once(plain, most, is_over)
        return twice, is_whole and is_all
    return plain, is_all


def _inflate_once(body: bytes, most: int, is_over: IsOver) -> tuple[bytes, bool]:
    if not body.startswith(_COMPRESSED):
        return body[:most], len(body) <= most
    pieces, place, inflater = [], 0, _inflater()
    while place < len(body) and most > 0 and not is_over():
        piece = body[place : place + _PIECE]
        try:
            pieces.append(inflater.decompress(piece, most))
        except zlib.error:
            break
        place += len(piece) - len(inflater.unused_data)
        most -= len(pieces[-1])
        if inflater.eof:
            if not body.startswith(_COMPRESSED, place):
                return b"".join(pieces), True
            inflater = _inflater()
    return b"".join(pieces), False


def _inflater() -> Any:
    return zlib.decompressobj(wbits=32 + zlib.MAX_WBITS)


def text_of(body: bytes) -> str:
    """Return ``body`` as text; ``U+FFFD`` stands for what is none."""
    return body.decode(json.detect_encoding(body), "replace")


def decode(text: str, is_over: IsOver = _never) -> list[Any]:
    """
    Return the values that ``text`` holds: one if it is JSON but for details, else whatever can be made out.

    Of a key that is repeated each value is kept (``RepeatedKey``). ``REST``, the last value, stands for what was not
    read: beyond half a million tokens or 150,000 lists and objects, or when it ``is_over``.
    """
    if _is_small(text):
        with suppress(ValueError, RecursionError):
            return [_DECODER.decode(text)]
    return _tokens(text, is_over)


def _is_small(text: str) -> bool:
    """Whether the decoder that cannot be stopped may read it."""
    containers, marks = text.count("{") + text.count("["), text.count(",") + text.count(":")
    return containers <= _MOST_CONTAINERS and containers + marks <= _MOST_TOKENS


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result[RepeatedKey(key) if key in result else key] = value
    return result


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_number, strict=False)


class _Container:
    """A list or an object that is being read."""

    __slots__ = ("key", "value")

    def __init__(self, value: Any) -> None:
        self.value = value
        self.key: str | None = None

    def add(self, value: Any) -> None:
        if isinstance(self.value, list):
            self.value.append(value)
        elif self.key is None and not isinstance(value, list | dict):
            self.key = str(value)
        else:
            key = self.key or ""
            self.value[RepeatedKey(key) if key in self.value else key] = value
            self.key = None


def _tokens(text: str, is_over: IsOver) -> list[Any]:
    """Read token by token: what is not closed ends with the text, what closes nothing is left out."""
    whole, containers = _Container([]), 0
    open_containers = [whole]
    for count, token in enumerate(_TOKENS.finditer(text)):
        if (
            count == _MOST_TOKENS
            or containers == _MOST_CONTAINERS
            or (count % _TOKENS_BETWEEN_LOOKS == 0 and is_over())
        ):
            whole.value.append(REST)
            break
        mark, innermost = token["mark"], open_containers[-1]
        if mark == ",":
            innermost.key = None
        elif mark in ("{", "["):
            opened = _Container({} if mark == "{" else [])
            innermost.add(opened.value)
            open_containers.append(opened)
            containers += 1
        elif mark is None:
            innermost.add(_scalar(token))
        elif len(open_containers) > 1:
            open_containers.pop()
    values: list[Any] = whole.value
    return values


def _scalar(token: re.Match[str]) -> Any:
    if token["text"] is not None:
        return _unescaped(token["text"])
    bare = token["bare"].strip("'")
    if bare.casefold() in _CONSTANTS:
        return _CONSTANTS[bare.casefold()]
    try:
        return _number(bare) if bare.lstrip("-").isdecimal() else float(bare)
    except ValueError:
        return bare


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text

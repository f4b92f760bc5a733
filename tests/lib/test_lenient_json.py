"""The lenient decoder: it raises at nothing, keeps every value of a repeated key and finds its way back."""

import gzip
import json
import random
import tracemalloc

import pytest

from tests import factories
from tracker.lib import lenient_json
from tracker.lib.lenient_json import RepeatedKey, inflate

POSITIVE = factories.phq9([0] * 8 + [2])


def decode(body, *limit):
    return lenient_json.decode(lenient_json.text_of(body), *limit)


def objects(value):
    """Every object in a value, however deep."""
    waiting, found = [value], []
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.append(part)
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (b'{"a": 1}', [{"a": 1}]),
        (b'{"a": NaN', [{"a": "NaN"}]),
        (b"[1, 2] [3]", [[1, 2], [3]]),
        (b'{"a": [1, {"b": 2', [{"a": [1, {"b": 2}]}]),
        (b"{'a': True, 'b': None}", [{"a": True, "b": None}]),
        (b"{9: 2, x: -1.5}", [{"9": 2, "x": -1.5}]),
        (b'{"a": "he said "no" twice", "b": 1}', [{"a": 'he said "no" twice', "b": 1}]),
        (b'{"a": "\\x", "b": "\\u00e9"} ,', [{"a": "\\x", "b": "\u00e9"}]),
        (b"]]}}1", [1]),
        (b"", []),
    ],
)
def test_lenient_json_reads_what_can_be_made_out(body, values):
    found = decode(body)

    assert str(found).replace("nan", "'NaN'") == str(values)


def test_a_repeated_key_keeps_each_of_its_values():
    for body in (b'{"a": 1, "a": 2, "a": 3}', b'{"a": 1, "a": 2, "a": 3'):
        (value,) = decode(body)

        assert list(value.values()) == [1, 2, 3]
        assert [str(key) for key in value] == ["a"] * 3
        assert value["a"] == 1
        assert RepeatedKey("a") not in value


def test_a_quote_that_is_missing_costs_one_text_and_not_the_rest():
    text = json.dumps([factories.record("journal", {"text": "HERE"}), POSITIVE])
    for stray in ('"', '" he said', 'x", "', '\\" "'):
        found = objects(decode(text.replace("HERE", stray).encode()))

        assert POSITIVE["data"]["answers"] in [each.get("answers") for each in found]


def test_lenient_json_raises_at_nothing_and_ends():
    luck = random.Random(factories.SEED)
    whole = json.dumps([factories.pain(), POSITIVE]).encode()
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(luck.randrange(1, 6)):
            place = luck.randrange(len(body))
            body[place : place + luck.randrange(3)] = bytes(
                luck.choices(b'{}[]",:\\\x00\xff0e-tn', k=luck.randrange(4))
            )
        decode(bytes(body))
        inflate(bytes(body), 1000)
    for sent in (
        b"[" * 30_000,
        b'"' * 30_000,
        b'{"a":' * 30_000,
        b'"  ' * 30_000,
        b"\\" * 30_000,
        b"\xff" * 999,
    ):
        decode(sent)


def test_lenient_json_says_where_it_stopped():
    assert lenient_json.REST in decode(b"[1] " * 200_000 + b"x")
    assert lenient_json.REST not in decode(b"[1] " * 1_000 + b"x")


@pytest.mark.parametrize("piece", [b"{},", b"[", b"[[],", b'{"a":', b"1,"])
def test_lenient_json_makes_few_objects_of_a_large_body(piece, monkeypatch):
    """Five million empty objects fit into 16 KB of gzip, and took 670 MB. Here all is a tenth, for speed."""
    for name in ("_MOST_TOKENS", "_MOST_CONTAINERS"):
        monkeypatch.setattr(lenient_json, name, getattr(lenient_json, name) // 10)
    body = b"[" + piece * 100_000
    tracemalloc.start()
    try:
        values = decode(body)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert values[-1] is lenient_json.REST
    assert most < 10_000_000


def test_lenient_json_ends_when_it_is_over():
    body = b'[{"a": x},' * 10_000

    assert decode(body, lambda: True) == [lenient_json.REST]
    assert inflate(gzip.compress(body), len(body), lambda: True) == (b"", False)


def test_inflate_makes_no_more_than_it_may():
    bomb = gzip.compress(b" " * 10_000_000)

    assert inflate(bomb, 1_000) == (b" " * 1_000, False)
    assert inflate(bomb * 3, 50_000_000)[1] is True
    assert inflate(b"plain", 3) == (b"pla", False)

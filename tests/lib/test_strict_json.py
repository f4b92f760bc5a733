"""What strangers send is JSON or is refused with a stable code."""

import time

import pytest

from tracker.lib import strict_json


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_json"),
        (b"{", "bad_json"),
        (b"{} {}", "bad_json"),
        (b"\xff\xfe", "bad_utf8"),
        (b'{"a": 1e400}', "number_not_finite"),
        (b'{"a": -1e400}', "number_not_finite"),
        (b"[NaN]", "number_not_finite"),
        (b"[-Infinity]", "number_not_finite"),
        (b"[" + b"9" * 5000 + b"]", "number_too_long"),
        (b'{"a": 1, "a": 2}', "duplicate_key"),
        (b'["\\u0000"]', "bad_text"),
        (b'{"\\u0000": 1}', "bad_text"),
        (b'["\\ud800"]', "bad_text"),
        (b'["\\udfff x"]', "bad_text"),
        (b"[" * 33 + b"]" * 33, "too_deep"),
        (b"[" * 100_000, "too_deep"),
    ],
)
def test_what_is_not_strict_json_is_refused(body, code):
    with pytest.raises(strict_json.BadJSON) as refused:
        strict_json.decode(body)

    assert refused.value.code == code


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"[" * 32 + b"]" * 32, None),
        (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]', ["[" * 36]),
        (b'["\\ud83d\\ude00"]', ["\U0001f600"]),
        ('["\U0001f600 é"]'.encode(), ["\U0001f600 é"]),
        (b'["\\\\u0000"]', ["\\u0000"]),
        (b"[1, 2.5, true, null]", [1, 2.5, True, None]),
    ],
)
def test_what_is_strict_json_is_read(body, value):
    read = strict_json.decode(body)

    assert value is None or read == value


@pytest.mark.parametrize("unit", [b'\\"', b'"', b"[", b'{"a":', b"\\", b'"\\'])
def test_no_body_takes_more_than_one_pass(unit):
    """Ten times the body may not take a hundred times as long: what is refused is refused at once."""

    def seconds(size: int) -> float:
        body = b'{"a": "' + unit * (size // len(unit))
        started = time.process_time()
        with pytest.raises(strict_json.BadJSON):
            strict_json.decode(body)
        return time.process_time() - started

    assert seconds(2_000_000) < 40 * max(seconds(200_000), 0.001)

"""Cursors: opaque and signed, for one list."""

import pytest

from tracker.lib.cursors import CursorSigner, InvalidCursor

SIGNER = CursorSigner("a-list")


def pair(name: str, number: int) -> tuple[str, int]:
    return name, int(number)


def test_a_cursor_is_read_back_as_the_place_that_was_signed():
    assert SIGNER.read(SIGNER.sign("ada", 7), pair) == ("ada", 7)


def test_the_same_place_has_the_same_cursor():
    assert SIGNER.sign("ada", 7) == SIGNER.sign("ada", 7)


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", ":", "e30:x", "\x00", "é", SIGNER.sign("ada", 7)[:-1], SIGNER.sign("ada", 7) + "x",
        CursorSigner("another-list").sign("ada", 7), SIGNER.sign("ada"), SIGNER.sign("ada", "seven"),
        SIGNER.sign("ada", 7, 8), SIGNER.sign("ada", None),
    ],
)  # fmt: skip
def test_any_other_text_is_an_invalid_cursor(cursor):
    with pytest.raises(InvalidCursor):
        SIGNER.read(cursor, pair)

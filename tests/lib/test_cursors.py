"""Cursors: opaque, encrypted, for one reader of one list."""

import base64

import pytest

from tracker.lib.cursors import CursorCipher, InvalidCursor

LIST = CursorCipher("a-list")
ADA, BEN = ("ada", "pain", None), ("ben", "pain", None)
CURSOR = LIST.encrypt("a", 7, of=ADA)


def pair(name: str, number: int) -> tuple[str, int]:
    return name, int(number)


def test_a_cursor_is_read_back_as_the_place_that_was_encrypted():
    assert LIST.decrypt(CURSOR, pair, of=ADA) == ("a", 7)


def test_the_same_place_has_the_same_cursor():
    assert LIST.encrypt("a", 7, of=ADA) == CURSOR


def test_a_cursor_is_safe_in_an_address_and_does_not_show_its_place():
    cursors = [LIST.encrypt("a place", number, of=ADA) for number in range(50)]

    assert not [cursor for cursor in cursors if set(cursor) & set("+/?&# ")]
    assert b"place" not in base64.urlsafe_b64decode(cursors[0].partition(":")[2])


@pytest.mark.parametrize(
    "of", [BEN, ("ada", "mood", None), ("ada", "pain", "2026-03-01"), ("ada", "pain"), ()]
)
def test_a_cursor_of_another_reader_or_filter_is_none(of):
    with pytest.raises(InvalidCursor):
        LIST.decrypt(CURSOR, pair, of=of)


@pytest.mark.parametrize(
    "cursor",
    [
        "", "x", ":", "m1:", "e30:x", "\x00", "é", CURSOR[:-1], CURSOR + "x", f"x{CURSOR}",
        CursorCipher("another-list").encrypt("a", 7, of=ADA), LIST.encrypt("a", of=ADA),
        LIST.encrypt("a", "seven", of=ADA), LIST.encrypt("a", 7, 8, of=ADA), LIST.encrypt("a", None, of=ADA),
    ],
    # Keys are made anew for each process of the tests: the texts are no names.
    ids=range(15),
)  # fmt: skip
def test_any_other_text_is_an_invalid_cursor(cursor):
    with pytest.raises(InvalidCursor):
        LIST.decrypt(cursor, pair, of=ADA)

"""A sealed value opens only in the row it was sealed for."""

import pytest

from tracker.lib import sealed

KEY = sealed.new_key()
BOUND = sealed.bound_to("table", "column", 1, "patient", "key")


def test_what_was_sealed_comes_back():
    assert sealed.unseal(KEY, sealed.seal(KEY, b"the sea", BOUND), BOUND) == b"the sea"


def test_the_same_text_is_never_sealed_to_the_same_bytes():
    assert sealed.seal(KEY, b"the sea", BOUND) != sealed.seal(KEY, b"the sea", BOUND)


@pytest.mark.parametrize("place", [0, 1, 15, -1])
def test_a_changed_byte_breaks_the_seal(place):
    value = bytearray(sealed.seal(KEY, b"the sea", BOUND))
    value[place] ^= 1

    with pytest.raises(sealed.UnreadableError):
        sealed.unseal(KEY, bytes(value), BOUND)


def test_another_row_or_another_key_does_not_open_it():
    value = sealed.seal(KEY, b"the sea", BOUND)

    for key, bound in (
        (sealed.new_key(), BOUND),
        (KEY, sealed.bound_to("table", "column", 2, "patient", "key")),
    ):
        with pytest.raises(sealed.UnreadableError):
            sealed.unseal(key, value, bound)


def test_no_two_lists_of_parts_give_the_same_binding():
    assert sealed.bound_to("ab", "c") != sealed.bound_to("a", "bc")

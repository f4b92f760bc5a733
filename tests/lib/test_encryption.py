"""An encrypted value opens only in the row it was encrypted for."""

import pytest

from tracker.lib import encryption

KEY = encryption.new_key()
BOUND = encryption.associated_data("table", "column", 1, "patient", "key")


def test_what_was_encrypted_is_decrypted():
    assert encryption.decrypt(KEY, encryption.encrypt(KEY, b"the sea", BOUND), BOUND) == b"the sea"


def test_the_same_text_is_never_encrypted_to_the_same_bytes():
    assert encryption.encrypt(KEY, b"the sea", BOUND) != encryption.encrypt(KEY, b"the sea", BOUND)


@pytest.mark.parametrize("place", [0, 1, 15, -1])
def test_a_changed_byte_fails_decryption(place):
    value = bytearray(encryption.encrypt(KEY, b"the sea", BOUND))
    value[place] ^= 1

    with pytest.raises(encryption.DecryptionError):
        encryption.decrypt(KEY, bytes(value), BOUND)


def test_another_row_or_another_key_does_not_open_it():
    value = encryption.encrypt(KEY, b"the sea", BOUND)

    for key, bound in (
        (encryption.new_key(), BOUND),
        (KEY, encryption.associated_data("table", "column", 2, "patient", "key")),
    ):
        with pytest.raises(encryption.DecryptionError):
            encryption.decrypt(key, value, bound)


def test_no_two_lists_of_parts_give_the_same_binding():
    assert encryption.associated_data("ab", "c") != encryption.associated_data("a", "bc")

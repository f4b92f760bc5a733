"""
AES-256-GCM bound to the row it stands in.

An encrypted value is ``version byte | 12-byte nonce | ciphertext and tag``. The associated data names table,
column, row, patient and key, so that a value copied to another row does not open. A failed tag raises; it
never returns ciphertext or empty text.
"""

import hashlib
import hmac
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE = 12


class DecryptionError(Exception):
    """The value was encrypted with another key, for another row, or has been changed."""


def new_key() -> bytes:
    """Return a fresh 32-byte key."""
    return AESGCM.generate_key(bit_length=256)


def associated_data(*parts: object) -> bytes:
    """Return associated data for ``parts``, each preceded by its length so that no two lists coincide."""
    encoded = [str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def encrypt(key: bytes, plain: bytes, associated: bytes) -> bytes:
    """Return ``plain`` encrypted and bound to ``bound``."""
    nonce = os.urandom(_NONCE)
    return _VERSION + nonce + AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, ciphertext: bytes, associated: bytes) -> bytes:
    """
    Return what was encrypted.

    :raises DecryptionError: if key, row or bytes are not those it was encrypted with.
    """
    if ciphertext[:1] != _VERSION:
        raise DecryptionError("unknown format")
    try:
        return AESGCM(key).decrypt(ciphertext[1 : 1 + _NONCE], ciphertext[1 + _NONCE :], associated)
    # A nonce that is cut short is no value that the cipher takes.
    except (InvalidTag, ValueError):
        raise DecryptionError("the tag does not match") from None


def keyed_hash(key: bytes, value: bytes) -> bytes:
    """Return 32 bytes that are the same for the same ``value`` and say nothing about it without the key."""
    return hmac.new(key, value, hashlib.sha256).digest()

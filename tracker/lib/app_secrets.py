"""
The product's own secrets (sessions, second factors, addresses): encrypted, under one key for each purpose.

What must be found again by its value is encrypted with AES-SIV (RFC 5297): the same text under the same key gives the
same ciphertext, which tells of two rows that they hold the same, and nothing else.
"""

import base64
from dataclasses import dataclass
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tracker.lib import encryption


@dataclass(frozen=True, slots=True)
class Reencrypted:
    """How many secrets were put under today's master key, and how many could not be decrypted and stay as they are."""

    done: int
    unreadable: int


@cache
def _key(master: bytes, purpose: str, size: int = 32) -> bytes:
    return HKDF(SHA256(), size, salt=None, info=f"interlude/{purpose}".encode()).derive(master)


def encrypt(purpose: str, plain: bytes, *row: str) -> str:
    """Return ``plain`` encrypted for ``row`` under the key of ``purpose``, as text that names the master key."""
    key_id = settings.MASTER_KEY_ID
    bound = encryption.associated_data(purpose, key_id, *row)
    return f"{key_id}:{base64.b64encode(encryption.encrypt(_key(settings.MASTER_KEY, purpose), plain, bound)).decode()}"


def decrypt(purpose: str, text: str, *row: str) -> bytes:
    """
    Return what was encrypted for ``purpose`` and ``row``.

    :raises encryption.DecryptionError: if it was not encrypted by this product for this purpose and this row.
    """
    key_id, master, value = _taken_apart(text)
    return encryption.decrypt(_key(master, purpose), value, encryption.associated_data(purpose, key_id, *row))


def encrypt_deterministic(purpose: str, plain: bytes, *bound: str) -> str:
    """
    Return ``plain`` encrypted so that the same text gives the same ciphertext, under today's master key.

    It can be decrypted only by who names what it is ``bound`` to.
    """
    return _alike(purpose, plain, settings.MASTER_KEY_ID, settings.MASTER_KEY, *bound)


def all_ciphertexts(purpose: str, plain: bytes) -> list[str]:
    """Return what ``plain`` may be encrypted as: under each master key that is here."""
    return [_alike(purpose, plain, key_id, master) for key_id, master in keyring().items()]


def decrypt_deterministic(purpose: str, text: str, *bound: str) -> bytes:
    """
    Return what ``encrypt_deterministic`` encrypted for ``purpose``, bound to ``bound``.

    :raises encryption.DecryptionError: if it was not encrypted by this product for this purpose and these.
    """
    key_id, master, value = _taken_apart(text)
    associated = encryption.associated_data(purpose, key_id, *bound)
    try:
        return AESSIV(_key(master, purpose, 64)).decrypt(value, [associated])
    except (InvalidTag, ValueError):
        raise encryption.DecryptionError("the tag does not match") from None


def _alike(purpose: str, plain: bytes, key_id: str, master: bytes, *bound: str) -> str:
    associated = encryption.associated_data(purpose, key_id, *bound)
    value = AESSIV(_key(master, purpose, 64)).encrypt(plain, [associated])
    return f"{key_id}:{base64.b64encode(value).decode()}"


def keyring() -> dict[str, bytes]:
    return settings.MASTER_KEYS_OLD | {settings.MASTER_KEY_ID: settings.MASTER_KEY}


def _taken_apart(text: str) -> tuple[str, bytes, bytes]:
    key_id, _, body = text.partition(":")
    try:
        value = base64.b64decode(body, validate=True)
    # Not base64, or not even ASCII.
    except ValueError:
        raise encryption.DecryptionError("not an encrypted text") from None
    master = keyring().get(key_id)
    if master is None:
        raise encryption.DecryptionError("encrypted under a master key that is not here")
    return key_id, master, value


def uses_current_key(text: str) -> bool:
    """Return whether a text is encrypted under today's master key."""
    return text.startswith(f"{settings.MASTER_KEY_ID}:")

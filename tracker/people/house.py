"""The house's own secrets (sessions, second factors): sealed, under one key for each purpose."""

import base64
import binascii
from functools import cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from tracker.lib import sealed


@cache
def _key(master: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"interlude/{purpose}".encode()).derive(master)


def seal(purpose: str, plain: bytes) -> str:
    """Return ``plain`` sealed under the key of ``purpose``, as text that names the master key."""
    key_id = settings.MASTER_KEY_ID
    bound = sealed.bound_to(purpose, key_id)
    return (
        f"{key_id}:{base64.b64encode(sealed.seal(_key(settings.MASTER_KEY, purpose), plain, bound)).decode()}"
    )


def unseal(purpose: str, text: str) -> bytes:
    """
    Return what was sealed for ``purpose``.

    :raises sealed.UnreadableError: if it was not sealed by this house for this purpose.
    """
    key_id, _, body = text.partition(":")
    try:
        value = base64.b64decode(body, validate=True)
    except binascii.Error:
        raise sealed.UnreadableError("not a sealed text") from None
    ring = settings.MASTER_KEYS_OLD | {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    if key_id not in ring:
        raise sealed.UnreadableError("sealed under a master key that is not here")
    return sealed.unseal(_key(ring[key_id], purpose), value, sealed.bound_to(purpose, key_id))


def is_current(text: str) -> bool:
    """Return whether a text is sealed under today's master key."""
    return text.startswith(f"{settings.MASTER_KEY_ID}:")

"""Cursors: places in a list, handed to a client as opaque encrypted text and taken back."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

from tracker.lib import app_secrets, encryption

T = TypeVar("T")
_URL_SAFE, _STANDARD = str.maketrans("+/", "-_"), str.maketrans("-_", "+/")


class InvalidCursor(ValueError):
    """The cursor was not made here, or for another list, reader or filter."""


class CursorCipher:
    """
    Encrypts the cursors of one list: a place may tell how much lies between two entries that are seen.

    ``of`` is whose list it is, and of what: a cursor of another reader or another filter is none. The same place has
    the same cursor under the same master key, so a receipt that holds one does not change.
    """

    def __init__(self, purpose: str) -> None:
        self._purpose = f"cursor/{purpose}"

    def encrypt(self, *place: Any, of: tuple[object, ...]) -> str:
        """Return the cursor of a place: strings, numbers and lists of them."""
        plain = json.dumps(place, separators=(",", ":")).encode()
        return app_secrets.encrypt_deterministic(self._purpose, plain, *_texts(of)).translate(_URL_SAFE)

    def decrypt(self, cursor: str, parse: Callable[..., T], *, of: tuple[object, ...]) -> T:
        """
        Return the place of a cursor, given to ``parse`` part by part.

        :raises InvalidCursor: if it is not one of this list, or ``parse`` cannot take the parts.
        """
        try:
            key_id, separator, value = cursor.partition(":")
            text = key_id + separator + value.translate(_STANDARD)
            plain = app_secrets.decrypt_deterministic(self._purpose, text, *_texts(of))
            return parse(*json.loads(plain))
        except (encryption.DecryptionError, ValueError, TypeError):
            raise InvalidCursor from None


def _texts(of: tuple[object, ...]) -> list[str]:
    return ["" if part is None else str(part) for part in of]

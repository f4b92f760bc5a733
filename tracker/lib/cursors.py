"""Cursors: places in a list, handed to a client as opaque signed text and taken back."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.core import signing

T = TypeVar("T")


class InvalidCursor(ValueError):
    """The cursor was not made here, or for another list or reader."""


class CursorSigner:
    """
    Signs the cursors of one list.

    Without a time in it: the same place has the same cursor, so a receipt that holds one never changes.
    """

    def __init__(self, purpose: str) -> None:
        self._signer = signing.Signer(salt=f"interlude.cursor.{purpose}")

    def sign(self, *place: Any) -> str:
        """Return the cursor of a place: strings, numbers and lists of them."""
        return self._signer.sign_object(list(place))

    def read(self, cursor: str, parse: Callable[..., T]) -> T:
        """
        Return the place of a cursor, given to ``parse`` part by part.

        :raises InvalidCursor: if the signature is another's, or ``parse`` cannot take the parts.
        """
        try:
            return parse(*self._signer.unsign_object(cursor))
        except (signing.BadSignature, ValueError, TypeError):
            raise InvalidCursor from None

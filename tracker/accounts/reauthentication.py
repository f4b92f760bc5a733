"""Is this sign-in fresh enough for a sensitive act? Pure."""

from datetime import datetime, timedelta

# Pairing a phone, changing a contact, exporting, erasing, widening a consent.
MAX_AGE = timedelta(minutes=5)


class ReauthenticationRequired(Exception):
    """The person proved who they are too long ago for this act: let them do it again."""


def require_recent(authenticated_at: datetime | None, at: datetime) -> None:
    """
    Let a sensitive act go on if the person proved who they are within the last five minutes.

    ``authenticated_at`` is when the server last saw a password, a code or a passkey of theirs in this session
    (``Principal.authenticated_at``); None if it never did.

    :raises ReauthenticationRequired: if that is longer ago, or never was.
    """
    if authenticated_at is None or at - authenticated_at > MAX_AGE:
        raise ReauthenticationRequired

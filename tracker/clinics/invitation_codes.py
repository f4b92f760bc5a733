"""Codes of invitations: random, easy to read out and to type; the database keeps a keyed hash."""

import secrets

from django.conf import settings

from tracker.lib import encryption

# No 0 and O, no 1 and I: 32 characters, five bits each.
ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


def format_code(code: str) -> str:
    """Return a code in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def new_code(length: int) -> str:
    """Return a random code of ``length`` characters, in groups of four."""
    return format_code("".join(secrets.choice(ALPHABET) for _ in range(length)))


def code_hash(code: str) -> bytes:
    """Return what stands in the database for a code, however it was typed."""
    plain = "".join(character for character in code.upper() if character in ALPHABET)
    return encryption.keyed_hash(settings.LOOKUP_KEY, f"invitation/{plain}".encode())


def throttle_account(code: object) -> str:
    """Return the account under which the throttle counts tries of a code: its hash; empty where none was typed."""
    return code_hash(code).hex() if isinstance(code, str) and code else ""

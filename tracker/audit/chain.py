"""
The arithmetic of the chain: what an event's bytes are, and what a hash is made of. Pure.

The database computes the same when it links an event (``audit_bytes``, ``audit_advance``); this is the second
opinion that ``verify`` compares it with.
"""

import hashlib
from collections.abc import Sequence

START = bytes(32)
# The parts of an event's bytes, after the number in the chain, each as text.
PARTS = (
    "id", "at", "actor", "on_behalf_of", "action", "kind", "subject", "patient", "patients", "purpose", "device",
    "request", "result", "detail",
)  # fmt: skip


def length_prefixed(text: str | None) -> bytes:
    """Return ``text`` preceded by its length in bytes; -1 stands for none."""
    if text is None:
        return (-1).to_bytes(4, "big", signed=True)
    encoded = text.encode()
    return len(encoded).to_bytes(4, "big") + encoded


def next_hash(before: bytes, clinic_id: str, seq: int, parts: Sequence[str | None]) -> bytes:
    """Return the hash of the event at ``seq``, whose ``parts`` stand in the order of ``PARTS``."""
    return hashlib.sha256(
        before + b"".join(length_prefixed(text) for text in (clinic_id, str(seq), *parts))
    ).digest()

"""Writing the anchors when they are due. Workers and ``watch`` both do; the folder's lock keeps them apart."""

import json
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction

from tracker.audit import anchors
from tracker.audit.anchors import Anchor
from tracker.audit.models import SYSTEM, ChainHead
from tracker.lib import rls

# Safety asks for five minutes at most.
EVERY = timedelta(minutes=1)
# A head that moved in a transaction which ended late is caught by the next round.
OVERLAP = timedelta(minutes=10)


class NoAnchorKey(Exception):
    """This process was not given the key that anchors are signed with; the text is one sentence for the operator."""


def folder() -> Path:
    """Return where the anchors stand."""
    return Path(settings.AUDIT_ANCHORS)


def signing_key() -> bytes:
    """
    Return the 32-byte secret key of the anchors.

    :raises NoAnchorKey: if this process has none.
    """
    if settings.ANCHOR_KEY is None:
        raise NoAnchorKey(
            "ANCHOR_KEY is not set: worker, watch and `manage.py audit` sign or verify the audit's anchors with it."
        )
    return bytes(settings.ANCHOR_KEY)


def anchor_due(*, at: datetime) -> int:
    """
    Write anchors unless somebody did so within the last minute; return how many lines were written.

    Two writers' clocks are never the same, and one waits for the other: a last line from a little after ``at`` is
    recent too. One from long after ``at`` tells of a clock that was set back, and stops nothing.
    """
    folder().mkdir(mode=0o700, parents=True, exist_ok=True)
    with anchors.folder_lock(folder()):
        last = _last_at()
        if last is not None and -OVERLAP <= at - last < EVERY:
            return 0
        since = min(last, at) - OVERLAP if last else None
        return anchors.append_locked(folder(), chain_heads(since, at), signing_key(), at)


def anchor_all(*, at: datetime) -> int:
    """Write an anchor for every chain, now."""
    return anchors.append(folder(), chain_heads(None, at), signing_key(), at)


def chain_heads(since: datetime | None, at: datetime) -> list[Anchor]:
    """
    Return the ends of the chains that moved after ``since``.

    The system's chain is always among them, so that a line a minute shows that anchoring is alive.
    """
    with transaction.atomic(), rls.as_audit_reader():
        rows = {
            row.clinic_id: row for row in ChainHead.objects.all() if since is None or row.moved_at > since
        }
    told = {clinic_id: (row.seq, bytes(row.hash).hex()) for clinic_id, row in rows.items()}
    if SYSTEM not in told:
        told[SYSTEM] = _system()
    return [
        Anchor(str(clinic_id), seq, digest, at.isoformat())
        for clinic_id, (seq, digest) in sorted(told.items())
    ]


def _system() -> tuple[int, str]:
    with transaction.atomic(), rls.as_audit_reader():
        row = ChainHead.objects.filter(clinic_id=SYSTEM).first()
    return (row.seq, bytes(row.hash).hex()) if row else (0, bytes(32).hex())


def _last_at() -> datetime | None:
    line = anchors.last_line(folder())
    try:
        return datetime.fromisoformat(json.loads(line)["at"]) if line else None
    except (ValueError, KeyError, TypeError):
        # Somebody broke the file: `verify` says where. Anchoring goes on.
        return None

"""Catalogue files to published rows. What is published stays as it is; a correction is a new version."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from tracker.instruments import parsing
from tracker.instruments.definition import InstrumentDefinition
from tracker.instruments.models import Instrument, Version, as_row


class PublishedVersionDiffersError(Exception):
    """A file says something else than its published version; nothing was loaded. ``versions`` names them."""

    def __init__(self, versions: Sequence[str]) -> None:
        super().__init__(
            f"published with other content: {', '.join(versions)}; give a corrected file a new version"
        )
        self.versions = tuple(versions)


class Loaded(NamedTuple):
    """What was published now, and what was there already; each as ``code@version``."""

    published: tuple[str, ...]
    unchanged: tuple[str, ...]


@transaction.atomic
def load(forms: Iterable[InstrumentDefinition], *, at: datetime) -> Loaded:
    """
    Publish the forms that are not published yet; the others must be what they were.

    :raises PublishedVersionDiffersError: if one is not; then nothing is published.
    """
    wanted = {(form.code, form.version): form for form in forms}
    held = {
        (code, version): digest
        for code, version, digest in Version.objects.values_list("instrument_id", "version", "content_hash")
    }
    hashes = {key: parsing.content_hash(form.document) for key, form in wanted.items()}
    changed = [key for key in wanted if key in held and held[key] != hashes[key]]
    if changed:
        raise PublishedVersionDiffersError([_said(key) for key in changed])
    new = [key for key in wanted if key not in held]
    Instrument.objects.bulk_create(
        [Instrument(code=code) for code in dict.fromkeys(code for code, _ in new)], ignore_conflicts=True
    )
    Version.objects.bulk_create([_row(wanted[key], hashes[key], at) for key in new])
    return Loaded(tuple(map(_said, new)), tuple(_said(key) for key in wanted if key in held))


def _said(key: tuple[str, str]) -> str:
    return "@".join(key)


def _row(form: InstrumentDefinition, digest: str, at: datetime) -> Version:
    document = dict(form.document)
    return Version(
        instrument_id=form.code,
        version=form.version,
        content=document,
        content_hash=digest,
        published_at=at,
        **as_row(document),
    )

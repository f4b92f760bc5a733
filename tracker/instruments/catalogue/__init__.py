"""
The instruments that the product carries, read once per process from the files beside this module.

Scoring and ingest use these objects, not the database: a response costs no query. The rows that
``load_catalogue`` writes are the published copy, which pins answers to what was asked.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tracker.instruments import parsing
from tracker.instruments.definition import InstrumentDefinition

FOLDER = Path(__file__).parent
_also: list[Path] = []


class UnknownInstrumentError(LookupError):
    """No instrument, or no such version of it, is in the catalogue."""


def also_from(folder: Path) -> None:
    """Take in the questionnaires of another folder too: a clinic's own. Said once, at the start."""
    _also.append(folder)
    clear_cache()


def clear_cache() -> None:
    """Read the files again when a form is asked for next."""
    _forms.cache_clear()
    all.cache_clear()


def files() -> list[Path]:
    """The catalogue's files, by name; those of other folders after our own."""
    return [path for folder in (FOLDER, *_also) for path in sorted(folder.glob("*.yaml"))]


@cache
def _forms() -> Mapping[str, Mapping[str, InstrumentDefinition]]:
    """Code to version to form; the versions of a code in the order of their files, the newest last."""
    found: dict[str, dict[str, InstrumentDefinition]] = {}
    for path in files():
        try:
            form = parsing.read(path.read_text(encoding="utf-8"))
        except parsing.InvalidFile as problem:
            raise ValueError(f"{path.name}: {problem}") from None
        versions = found.setdefault(form.code, {})
        if form.version in versions:
            raise ValueError(f"{path.name} repeats {form.code}@{form.version}")
        if any(former.category != form.category for former in versions.values()):
            raise ValueError(f"{path.name} says another category than the other versions of {form.code}")
        versions[form.version] = form
    for versions in found.values():
        for form in list(versions.values()):
            for former in form.corrects:
                versions[former] = _corrected(versions, former, form)
    return found


def _corrected(
    versions: Mapping[str, InstrumentDefinition], former: str, by: InstrumentDefinition
) -> InstrumentDefinition:
    said = f"{by.code}@{by.version} corrects {former}"
    if former not in versions or former == by.version:
        raise ValueError(f"{said}, which is no former version")
    if versions[former].scoring_version == by.scoring_version:
        raise ValueError(f"{said} under the same scoring version; give scoring.version another")
    if not versions[former].asks_the_same_as(by):
        raise ValueError(f"{said}, which asks something else; a correction changes only how answers count")
    return versions[former].corrected_by(by)


def get(code: str, version: str) -> InstrumentDefinition:
    """
    Return the form.

    :raises UnknownInstrumentError: if the catalogue has no such instrument or version.
    """
    try:
        return _forms()[code][version]
    except KeyError:
        raise UnknownInstrumentError(f"{code}@{version}") from None


def latest(code: str) -> InstrumentDefinition:
    """
    Return the newest version of the instrument.

    :raises UnknownInstrumentError: if the catalogue has no such instrument.
    """
    try:
        return list(_forms()[code].values())[-1]
    except KeyError:
        raise UnknownInstrumentError(code) from None


def find(name: str) -> InstrumentDefinition:
    """
    Return the form that a person means by ``PHQ-9``, ``phq-9`` or ``phq-9@1999``.

    :raises UnknownInstrumentError: if the catalogue has nothing of that name.
    """
    code, at, version = name.strip().partition("@")
    code = code.strip().lower()
    if not at:
        return latest(code)
    for form in _forms().get(code, {}).values():
        if form.version.lower() == version.strip().lower():
            return form
    raise UnknownInstrumentError(name)


@cache
def all() -> tuple[InstrumentDefinition, ...]:
    """Every version of every instrument, by code."""
    return tuple(form for versions in _forms().values() for form in versions.values())

"""
What a name means: an instrument or one of its items, however it is spelt.

Names are known by their letters and digits alone (Unicode NFKC, without case), items also by number, behind a word, and
behind the address of a code system: ``/44260-8``, ``9``, ``Q9``, ``http://loinc.org|44260-8``.
"""

import re
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from tracker.instruments import catalogue
from tracker.instruments.definition import InstrumentDefinition

# Left out of a name before it is compared: whatever is neither letter nor digit, seen or unseen.
_SEPARATORS = re.compile(r"[\W_]+")
_ASCII_SEPARATORS = bytes(number for number in range(128) if not chr(number).isalnum())
# What stands before an item's code: a code system, a form.
_PREFIX = re.compile(r".*[|#/:]", re.DOTALL)
# An item by its number behind a word: ``Q9``, ``PHQ.9``, ``phq9_9``.
_NUMBERED = re.compile(r"[a-z](?:.*\D)?0*(\d{1,3})", re.DOTALL)
_LONGEST_NAME = 200
# An instrument by a part of the address that names it; alike from so many letters and digits on.
_PARTS_OF_ADDRESS = re.compile(r"[|#/\s]+")
_LEAST_ALIKE = 4
# Fields, folded, that name the instrument.
_FORM_FIELDS = ("instrument", "questionnaire", "code")


def fold(text: str) -> str:
    """The letters and digits of a name: the same of ``self_harm_thoughts``, ``selfHarmThoughts`` and look-alikes."""
    return _folded(text) if len(text) <= _LONGEST_NAME else _folded.__wrapped__(text)


# Each name of a record is looked at several times, and most are the same in every record.
@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    # Also of a whole body: without a regular expression where there are many separators.
    letters = (
        text.encode(errors="surrogatepass").translate(None, _ASCII_SEPARATORS).decode(errors="surrogatepass")
    )
    if not letters.isascii():
        # Marks go first: to put a long row of them in order takes time that grows with its square.
        letters = _SEPARATORS.sub("", unicodedata.normalize("NFKC", _SEPARATORS.sub("", letters)))
    return letters.casefold()


def item_name(text: str) -> str:
    """An item's name, folded, without the code system before it."""
    return fold(_PREFIX.sub("", text)) if len(text) <= _LONGEST_NAME else ""


def form_of(data: Mapping[str, Any]) -> InstrumentDefinition | None:
    """The instrument that is meant, however its name is spelt; its newest version if the one named is not known."""
    code, version = next(filter(None, map(_code, map(data.get, _FORM_FIELDS))), None), data.get("version")
    if code is None:
        return None
    try:
        return catalogue.get(code, _version(version))
    except catalogue.UnknownInstrumentError:
        pass
    return catalogue.latest(code)


def names_known_version(form: InstrumentDefinition, data: Mapping[str, Any]) -> bool:
    """Whether the version that is named is one of the catalogue's; where none is named nothing contradicts."""
    version = data.get("version")
    if version is None:
        return True
    try:
        catalogue.get(form.code, _version(version))
    except catalogue.UnknownInstrumentError:
        return False
    return True


def _version(value: Any) -> str:
    """The name of a version; empty for what names none, such as an object nested as deep as a decoder allows."""
    if isinstance(value, str):
        return value[:_LONGEST_NAME]
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e9
    return str(value) if is_number else ""


def _code(name: Any) -> str | None:
    """The code of the instrument that is named, also as FHIR's canonical address: ``http://example.org/phq-9|1999``."""
    if not isinstance(name, str) or len(name) > _LONGEST_NAME:
        return None
    codes = _codes(catalogue.all())
    return (
        codes.get(fold(name))
        or codes.get(fold(name.partition("|")[0].rpartition("/")[2]))
        or _code_of_similar(name, catalogue.all())
    )


@lru_cache(maxsize=4096)
def _code_of_similar(name: str, forms: tuple[InstrumentDefinition, ...]) -> str | None:
    """
    The instrument with a safety item that a name unknown here may mean, if any: it is refused, and yet scanned.

    Its code with something behind it (``phq-9-nl``, ``PHQ-9 v1999``) or cut short (``C-SSRS``), its title, or its
    LOINC panel.
    """
    parts = {fold(part) for part in (name, *_PARTS_OF_ADDRESS.split(name))}
    for form in forms:
        code, title = fold(form.code), fold(form.title.get("en", ""))
        for part in parts if form.safety else ():
            is_longer = part.startswith(code) and len(code) >= _LEAST_ALIKE
            is_shorter = len(part) > _LEAST_ALIKE and (code.startswith(part) or title.startswith(part))
            if is_longer or is_shorter or part == fold(form.codes.panel or ""):
                return form.code
    return None


@lru_cache(maxsize=1)
def _codes(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, str]:
    """The code of each instrument by its folded name: ``phq9``."""
    return {fold(form.code): form.code for form in forms}


def link_id(form: InstrumentDefinition, name: str) -> str | None:
    """The link id of the item that is named: by it, by its code or text, or by its number, also behind a word."""
    return _link_id(form, name) if len(name) <= _LONGEST_NAME else names(form).get(fold(name))


@lru_cache(maxsize=4096)
def _link_id(form: InstrumentDefinition, name: str) -> str | None:
    items, folded = names(form), fold(name)
    if folded in items:
        return items[folded]
    # What is called as the form is rather its total.
    if name.casefold() in {form.code, fold(form.code)}:
        return None
    number = _NUMBERED.fullmatch(unicodedata.normalize("NFKC", name).casefold())
    return items.get(item_name(name)) or (items.get(number[1]) if number else None)


@cache
def names(form: InstrumentDefinition) -> Mapping[str, str]:
    """Every name that an item can be answered by, to its link id."""
    numbers = {fold(str(item.n)): item.link_id for item in form.items if item.n is not None}
    return numbers | _names_by_link_id(form)


def _names_by_link_id(form: InstrumentDefinition) -> dict[str, str]:
    texts = {fold(text): item.link_id for item in form.items for text in (item.text or {}).values()}
    return texts | {fold(item.link_id): item.link_id for item in form.items}


@lru_cache(maxsize=1)
def safety_items(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, set[str]]:
    """Each safety item by its link id, folded, to the codes of the instruments that ask it. Numbers tell nothing."""
    codes: dict[str, set[str]] = {}
    for form in forms:
        asked = {rule.when.item for rule in form.safety} | {
            item.link_id for item in form.items if item.safety
        }
        for name, item in _names_by_link_id(form).items() if form.safety else ():
            if item in asked:
                codes.setdefault(name, set()).add(form.code)
    return codes

"""
A form as an R4 Questionnaire. Pure values, no models.

LOINC codes stand only where the catalogue has them; answers without one are coded in a system of our own,
by their value.
"""

from collections.abc import Mapping
from typing import Any

from tracker.instruments.definition import AskedWhen, InstrumentDefinition, Item, Option

Json = dict[str, Any]

LOINC = "http://loinc.org"
ORDINAL = "http://hl7.org/fhir/StructureDefinition/ordinalValue"
MIN = "http://hl7.org/fhir/StructureDefinition/minValue"
MAX = "http://hl7.org/fhir/StructureDefinition/maxValue"
# An OID-free name for codes that nobody else gives: the value of an answer within its instrument.
OWN = "urn:interlude:instrument"
STEM = "stem"


class WordingMissingError(ValueError):
    """The form ships without its wording; without a clinic's own there is nothing to show."""


def url_of(form: InstrumentDefinition) -> str:
    """The canonical address of the form, without its version."""
    return f"{OWN}:{form.code}"


def to_r4(
    form: InstrumentDefinition, wording: Mapping[str, Any] | None = None, language: str | None = None
) -> Json:
    """
    Return the Questionnaire.

    ``wording`` is a clinic's private wording (``wording.Wording`` as JSON), needed where none ships. Without
    ``language`` it speaks English, or what the clinic's wording has instead.

    :raises WordingMissingError: if an item would have no text.
    """
    given = wording["items"] if wording else {}
    language = language or _spoken(given)
    resource: Json = {
        "resourceType": "Questionnaire",
        "id": f"{form.code}-{form.version}"[:64],
        "url": url_of(form),
        "version": form.version,
        "name": "".join(part.title() for part in form.code.replace(".", "-").split("-")),
        "title": _said(form.title, language),
        "status": "active",
        "subjectType": ["Patient"],
        "language": language,
        "copyright": form.terms.copyright or form.terms.text,
    }
    if form.codes.panel:
        resource["code"] = [
            {"system": LOINC, "code": form.codes.panel, "display": _said(form.title, language)}
        ]
    asked = [
        _item(form, item, given.get(item.link_id), language) for item in form.items if not item.recorded_as
    ]
    resource["item"] = [*_stem(form, wording or {}, language), *asked]
    return resource


def _spoken(given: Mapping[str, Any]) -> str:
    """English where every item has it, else the first language that every item of the wording has."""
    common = set.intersection(*(set(item["text"]) for item in given.values())) if given else {"en"}
    return "en" if "en" in common else min(common)


def _said(words: Mapping[str, str], language: str) -> str:
    """A text in the language, or, where a title or label has none, in the first that it has."""
    return words.get(language) or next(iter(words.values()))


def _stem(form: InstrumentDefinition, wording: Mapping[str, Any], language: str) -> list[Json]:
    """What stands above the items, as an item: renderers show it there, and leave out a description."""
    stem = wording.get("stem") or form.stem
    return [{"linkId": STEM, "text": _said(stem, language), "type": "display"}] if stem else []


def _item(form: InstrumentDefinition, item: Item, given: Mapping[str, Any] | None, language: str) -> Json:
    text = given["text"] if given else item.text
    if not text:
        raise WordingMissingError(f"{form.code} {item.link_id} has no wording")
    options = _options(form, item, (given or {}).get("options") or {})
    result: Json = {
        "linkId": item.link_id,
        "text": _said(text, language),
        "type": _type(item, options),
        "required": False,
    }
    if item.n is not None:
        result["prefix"] = str(item.n)
    if item.loinc:
        result["code"] = [{"system": LOINC, "code": item.loinc}]
    if item.asked_when:
        result["enableWhen"] = [_condition(form, item.asked_when)]
    if options:
        result["answerOption"] = [_option(form, option, language) for option in options]
    elif item.range:
        kind = "valueInteger" if result["type"] == "integer" else "valueDecimal"
        ends = zip((MIN, MAX), item.range, strict=True)
        result["extension"] = [{"url": url, kind: end} for url, end in ends]
    return result


def _options(form: InstrumentDefinition, item: Item, labels: Mapping[str, Any]) -> tuple[Option, ...]:
    """The item's options, with a clinic's own labels; a range becomes a choice where each number has a label."""
    own = form.options_of(item)
    if own is None and not labels:
        return ()
    codes = {option.value: option for option in own or ()}
    return tuple(
        Option(
            value=value,
            label=labels.get(str(value)) or (codes[value].label if value in codes else None),
            loinc=codes[value].loinc if value in codes else None,
        )
        for value in form.answers_to(item)
    )


def _type(item: Item, options: tuple[Option, ...]) -> str:
    if options:
        return "choice"
    return "integer" if item.step == 1 and not item.allow_off_step else "decimal"


def _own_system(form: InstrumentDefinition) -> str:
    return f"{url_of(form)}:answers"


def _coding(form: InstrumentDefinition, option: Option) -> Json:
    if option.loinc:
        return {"system": LOINC, "code": option.loinc}
    return {"system": _own_system(form), "code": f"{option.value:g}"}


def _option(form: InstrumentDefinition, option: Option, language: str) -> Json:
    display = {"display": _said(option.label, language)} if option.label else {}
    ordinal = [{"url": ORDINAL, "valueDecimal": option.value}]
    return {"valueCoding": {"extension": ordinal, **_coding(form, option), **display}}


def _condition(form: InstrumentDefinition, asked: AskedWhen) -> Json:
    options = {option.value: option for option in form.options_of(form.item[asked.item]) or ()}
    wanted = options.get(asked.equals)
    answer: Json = {"answerCoding": _coding(form, wanted)} if wanted else {"answerInteger": asked.equals}
    return {"question": asked.item, "operator": "=", **answer}

"""Is this a valid R4 Questionnaire? Asked of a library that others wrote, which leaves the codes to us."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fhir.resources.R4B.questionnaire import Questionnaire
from pydantic import BaseModel

# HL7 FHIR R4, value set item-type; the library lists the first of them only.
ITEM_TYPES = {
    "group", "display", "boolean", "decimal", "integer", "date", "dateTime", "time", "string", "text", "url",
    "choice", "open-choice", "attachment", "reference", "quantity",
}  # fmt: skip


class NotR4Error(ValueError):
    """The resource is no valid Questionnaire."""


def check(resource: Mapping[str, Any]) -> Questionnaire:
    """
    Return the resource as the library reads it.

    :raises NotR4Error: if a field is unknown, missing or of the wrong type, or a code is none of its set.
    """
    try:
        read: Questionnaire = Questionnaire.model_validate(dict(resource))
    except ValueError as problem:
        raise NotR4Error(str(problem)) from None
    wrong = list(_wrong_codes(read))
    if wrong:
        raise NotR4Error(", ".join(wrong))
    return read


def _wrong_codes(part: BaseModel) -> Iterator[str]:
    for name, field in type(part).model_fields.items():
        value = getattr(part, name)
        known = _codes(field.json_schema_extra)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                yield from _wrong_codes(one)
            elif one is not None and known and one not in known:
                yield f"{name} {one!r}"


def _codes(extra: Any) -> set[str]:
    codes = set((extra or {}).get("enum_values") or ())
    return ITEM_TYPES if "+" in codes and "display" in codes else codes


def answers(resource: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    """The answers of a QuestionnaireResponse, by linkId: the ordinal values of the options chosen."""
    values = {
        (item["linkId"], option["valueCoding"]["code"]): option["valueCoding"]["extension"][0]["valueDecimal"]
        for item in resource["item"]
        for option in item.get("answerOption", ())
    }
    return {
        item["linkId"]: values[item["linkId"], answer["valueCoding"]["code"]]
        for item in _nested(response["item"])
        for answer in item.get("answer", ())
    }


def _nested(items: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """The items, and those inside an item or an answer: a renderer may put a question below another."""
    for item in items:
        yield item
        yield from _nested(item.get("item", ()))
        for answer in item.get("answer", ()):
            yield from _nested(answer.get("item", ()))

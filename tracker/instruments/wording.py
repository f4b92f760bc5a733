"""
A clinic's private wording of an instrument whose terms do not let us ship it.

The clinic's file names who granted the permission and when. Texts are matched by linkId; nothing else of the
form can be changed by it.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from pydantic import Field

from tracker.instruments.base import CatalogueModel, Code, Language, LocalizedText, Text, Version
from tracker.instruments.definition import InstrumentDefinition


class ItemWording(CatalogueModel):
    """An item's text, and the labels of its options by their value."""

    text: LocalizedText
    options: dict[int, LocalizedText] = {}


class Wording(CatalogueModel):
    """What a clinic's private file holds."""

    instrument: Code
    version: Version
    granted_by: Text
    granted_on: date
    reference: Text | None = None
    stem: LocalizedText | None = None
    items: dict[Text, ItemWording] = Field(min_length=1)

    @property
    def languages(self) -> set[Language]:
        """The languages in which every item has its text."""
        return set.intersection(*(set(item.text) for item in self.items.values()))


def faults(form: InstrumentDefinition, wording: Wording) -> list[str]:
    """What does not fit between a form and the wording given for it."""
    asked = {item.link_id for item in form.items if not item.recorded_as}
    found = [f"there is no item {name!r} in {form.code}" for name in wording.items if name not in asked]
    found += [f"item {name!r} has no wording" for name in asked if name not in wording.items]
    if form.terms.wording_may_ship:
        found.append(f"{form.code} ships with its wording; it takes no other")
    if not found and not wording.languages:
        found.append("no language has the text of every item")
    for name, item in wording.items.items():
        if name in asked and not set(item.options) <= set(form.answers_to(form.item[name])):
            found.append(f"item {name!r} has a label for an answer that it does not offer")
    return sorted(found)


def worded(document: Mapping[str, Any], wording: Mapping[str, Any]) -> dict[str, Any]:
    """A published content with a clinic's wording put in: what the clinic's own phones may show."""
    texts = wording["items"]
    items = [_item(item, texts.get(item["linkId"])) for item in document["items"]]
    stem = {"stem": wording["stem"]} if wording.get("stem") else {}
    return {**document, **stem, "items": items}


def _item(item: Mapping[str, Any], text: Mapping[str, Any] | None) -> dict[str, Any]:
    if not text:
        return dict(item)
    labels = {"labels": text["options"]} if text.get("options") else {}
    return {**item, "text": text["text"], **labels}

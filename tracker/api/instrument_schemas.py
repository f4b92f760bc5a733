"""Schemas of questionnaires: made from the models that catalogue files are read by."""

from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from tracker.instruments.base import LocalizedText
from tracker.instruments.definition import InstrumentDefinition, Item


class InstrumentItem(Item):
    """
    One question. Its answer is matched by ``linkId``, never by its place.

    ``labels`` are those of a clinic's own wording, by the value of the answer.
    """

    labels: dict[str, LocalizedText] = {}


class InstrumentOut(InstrumentDefinition):
    """
    A published version: all that a phone needs to show and score it offline.

    Without ``available`` the items have no text. ``content_hash`` is that of the catalogue file.
    """

    component_prefix: ClassVar[str] = "Instrument"
    available: bool
    content_hash: str
    items: tuple[InstrumentItem, ...] = Field(min_length=1)


class FhirQuestionnaire(BaseModel):
    """A FHIR R4 Questionnaire; its specification names every other element."""

    model_config = ConfigDict(extra="allow")

    resource_type: Literal["Questionnaire"] = Field(alias="resourceType")
    id: str
    url: str
    version: str
    name: str
    title: str
    status: str
    language: str
    item: list[dict[str, Any]]

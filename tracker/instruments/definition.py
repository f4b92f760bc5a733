"""
A questionnaire as one catalogue file describes it: what is asked, how it scores, and who says so.

These are values: read once, never changed. How a file becomes a form stands in ``parsing``; what a form
must fulfil beyond its shape, in ``validation``.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import Field, PrivateAttr, StrictBool, StrictInt
from typing_extensions import TypeAliasType

from tracker.instruments.base import (
    AlertLevel,
    CatalogueModel,
    Code,
    Direction,
    InstrumentCategory,
    LocalizedText,
    Loinc,
    LoincAnswer,
    MeasureCode,
    MeasureFamily,
    Number,
    Sources,
    Text,
    Version,
)
from tracker.instruments.score_schema import Band, Change, ScoreRule, Scoring

SourceGrade = TypeAliasType(
    "SourceGrade", Literal["primary", "official_example", "secondary", "conflict", "general"]
)
LicenseStatus = TypeAliasType(
    "LicenseStatus",
    Literal["free", "free_noncommercial", "permission_needed", "licensed", "project_authored", "unclear"],
)


class Source(CatalogueModel):
    """Where a fact comes from, and how sure it is."""

    cite: Text
    grade: SourceGrade
    note: Text | None = None


class License(CatalogueModel):
    """What the rights holder allows. Without ``wording_may_ship`` no item carries a text."""

    status: LicenseStatus
    wording_may_ship: StrictBool
    text: Text
    copyright: Text | None = None
    src: Sources


class RecallPeriod(CatalogueModel):
    """The time an answer looks back on; ``days`` is null where the form names none."""

    days: StrictInt | None
    label: LocalizedText | None = None


class Codes(CatalogueModel):
    """LOINC codes of the panel and its scores. Null means not known: none is invented."""

    panel: Loinc | None = None
    total: Loinc | None = None
    scores: dict[MeasureCode, Loinc] = {}
    src: Sources = ()
    note: Text | None = None


class Option(CatalogueModel):
    value: Number
    label: LocalizedText | None = None
    loinc: LoincAnswer | None = None


class AskedWhen(CatalogueModel):
    """This item is asked only where another has this answer."""

    item: Text
    equals: Number


class ItemMeasure(CatalogueModel):
    """A single answer that is a measure of its own on the patient's timeline."""

    code: MeasureCode
    label: LocalizedText
    family: MeasureFamily
    direction: Direction
    daily: StrictBool = True
    has_true_zero: StrictBool = False
    bands: tuple[Band, ...] = ()
    bands_src: Sources = ()
    change: Change | None = None
    src: Sources


class Item(CatalogueModel):
    """One question. Its answer is matched by ``link_id``, never by its place."""

    link_id: Text = Field(alias="linkId")
    n: StrictInt | Text | None = None
    text: LocalizedText | None = None
    topic: Text | None = None
    loinc: Loinc | None = None
    options: Text | tuple[Option, ...] | None = None
    range: tuple[Number, Number] | None = None
    step: Number = 1
    allow_off_step: StrictBool = False
    unit: Text | None = None
    reverse: StrictBool = False
    recode: dict[StrictInt, StrictInt] | None = None
    scored: StrictBool = True
    safety: StrictBool = False
    asked_when: AskedWhen | None = None
    recorded_as: Text | None = None
    measure: ItemMeasure | None = None
    note: Text | None = None


class SafetyWhen(CatalogueModel):
    """
    One answer, one score or one tier: what can be evaluated from a single set of answers.

    The answer to ``item``, or the value of ``score``, is ``at_least`` so much. An incomplete questionnaire has no
    score. Where a record of a kind of its own holds the answer as yes or no, true counts as 1.
    """

    item: Text | None = None
    score: MeasureCode | None = None
    at_least: Number | None = None
    tier: Text | None = None


class SafetyRule(CatalogueModel):
    """An alert rule: ``label`` is what a clinician reads; ``version`` changes whenever it would be met by others."""

    id: Text
    version: StrictInt = 1
    label: Text
    when: SafetyWhen
    level: AlertLevel
    within: Text | None = None
    do: Text | None = None
    src: Sources


class Cadence(CatalogueModel):
    """How often; ``days`` is what a last value is measured against, null where nothing is expected."""

    recommended: Text
    days: StrictInt | None = None
    minimum_days: StrictInt | None = None
    src: Sources


class InstrumentDefinition(CatalogueModel):
    """
    One published version of one instrument.

    ``category`` is the category of consent that its answers and scores belong to, the same in every version.
    ``corrects`` names former versions whose questions are the same and whose answers are scored by this one's
    rules from now on.
    """

    schema_version: Literal[1] = Field(alias="schema")
    id: Code
    version: Version
    corrects: tuple[Version, ...] = ()
    title: LocalizedText
    category: InstrumentCategory
    terms: License
    recall: RecallPeriod
    codes: Codes = Codes()
    stem: LocalizedText | None = None
    option_sets: dict[Text, tuple[Option, ...]] = {}
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    scoring: Scoring
    safety: tuple[SafetyRule, ...] = ()
    cadence: Cadence
    mobile: Text | None = None
    notes: tuple[Text, ...] = ()
    sources: dict[Text, Source]
    validated: StrictBool = True
    _document: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    # A form is compared and kept by what it is: the one object read from its file.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"InstrumentDefinition({self.code}@{self.version})"

    __str__ = __repr__

    @property
    def code(self) -> str:
        return self.id

    @property
    def document(self) -> Mapping[str, Any]:
        """The file as it was read: what is published and sent to phones."""
        return self._document

    @property
    def scoring_version(self) -> str:
        return self.scoring.version

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(sorted(self.title))

    @cached_property
    def item(self) -> Mapping[str, Item]:
        """The items by their linkId."""
        return {item.link_id: item for item in self.items}

    @cached_property
    def scored(self) -> tuple[str, ...]:
        """The linkIds of the items that count."""
        return tuple(item.link_id for item in self.items if item.scored and not item.recorded_as)

    @cached_property
    def main(self) -> ScoreRule | None:
        """The score that a total of someone else is compared with, if the form has one."""
        return next((rule for rule in self.scoring.scores if rule.name == self.scoring.main), None)

    def options_of(self, item: Item) -> tuple[Option, ...] | None:
        """The answers that the item offers; None where it takes any number in its range."""
        if isinstance(item.options, str):
            return self.option_sets[item.options]
        return item.options

    def answers_to(self, item: Item) -> tuple[Number, ...]:
        """The whole numbers that the item takes, those of its options or of its range."""
        options = self.options_of(item)
        if options:
            return tuple(option.value for option in options)
        return tuple(range(int(item.range[0]), int(item.range[1]) + 1)) if item.range else ()

    def asks_the_same_as(self, other: "InstrumentDefinition") -> bool:
        """Whether both put the same questions and take the same answers, whatever they count."""
        return self._asked() == other._asked()

    def _asked(self) -> dict[str, tuple[object, ...]]:
        return {
            item.link_id: (item.text, self.options_of(item), item.range, item.step, item.asked_when)
            for item in self.items
            if not item.recorded_as
        }

    def corrected_by(self, other: "InstrumentDefinition") -> "InstrumentDefinition":
        """This version, published as it was, with the rules of its correction."""
        mended = other.model_copy(update={"version": self.version})
        mended._document = self.document
        return mended

    def items_of(self, rule: ScoreRule) -> tuple[str, ...]:
        return self.scored if rule.items == "scored" else rule.items

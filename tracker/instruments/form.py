"""
A questionnaire as one catalogue file describes it: what is asked, how it scores, and who says so.

These are values: read once, never changed. How a file becomes a form stands in ``reading``; what a form
must fulfil beyond its shape, in ``review``.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StrictBool,
    StrictFloat,
    StrictInt,
    StringConstraints,
)

Number = StrictInt | StrictFloat
Text = Annotated[str, StringConstraints(min_length=1, strict=True)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", strict=True)]
MeasureCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._-]*$", strict=True)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", strict=True)]
Loinc = Annotated[str, StringConstraints(pattern=r"^[0-9]+-[0-9]$", strict=True)]
LoincAnswer = Annotated[str, StringConstraints(pattern=r"^LA[0-9]+-[0-9]$", strict=True)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", strict=True)]
Words = dict[Language, Text]
Sources = tuple[Text, ...]

Direction = Literal["higher_worse", "higher_better", "neutral"]
Family = Literal["pain", "mood", "anxiety", "function", "sleep", "medication", "wellbeing", "safety", "other"]
Level = Literal["emergency", "urgent", "high", "review"]


class Part(BaseModel):
    """A piece of a form: frozen, and a stranger among its keys is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Source(Part):
    """Where a fact comes from, and how sure it is."""

    cite: Text
    grade: Literal["primary", "official_example", "secondary", "conflict", "general"]
    note: Text | None = None


class Terms(Part):
    """What the rights holder allows. Without ``wording_may_ship`` no item carries a text."""

    status: Literal[
        "free", "free_noncommercial", "permission_needed", "licensed", "project_authored", "unclear"
    ]
    wording_may_ship: StrictBool
    text: Text
    copyright: Text | None = None
    src: Sources


class Recall(Part):
    """The time an answer looks back on; ``days`` is null where the form names none."""

    days: StrictInt | None
    label: Words | None = None


class Codes(Part):
    """LOINC codes of the panel and its scores. Null means not known: none is invented."""

    panel: Loinc | None = None
    total: Loinc | None = None
    scores: dict[MeasureCode, Loinc] = {}
    src: Sources = ()
    note: Text | None = None


class Option(Part):
    value: Number
    label: Words | None = None
    loinc: LoincAnswer | None = None


class Asked(Part):
    """This item is asked only where another has this answer."""

    item: Text
    equals: Number


class ItemMeasure(Part):
    """A single answer that is a measure of its own on the patient's timeline."""

    code: MeasureCode
    label: Words
    family: Family
    direction: Direction
    daily: StrictBool = True
    percent_ok: StrictBool = False
    bands: tuple["Band", ...] = ()
    bands_src: Sources = ()
    change: "Change | None" = None
    src: Sources


class Item(Part):
    """One question. Its answer is matched by ``link_id``, never by its place."""

    link_id: Text = Field(alias="linkId")
    n: StrictInt | Text | None = None
    text: Words | None = None
    topic: Text | None = None
    loinc: Loinc | None = None
    options: Text | tuple[Option, ...] | None = None
    range: tuple[Number, Number] | None = None
    step: Number = 1
    off_step: Literal["refused", "kept"] = "refused"
    unit: Text | None = None
    reverse: StrictBool = False
    recode: dict[StrictInt, StrictInt] | None = None
    scored: StrictBool = True
    safety: StrictBool = False
    asked_when: Asked | None = None
    elsewhere: Text | None = None
    measure: ItemMeasure | None = None
    note: Text | None = None


class Band(Part):
    """A named stretch of a score, from ``min`` on, or ``above`` it; the next band ends it."""

    min: Number | None = None
    above: Number | None = None
    max: Number | None = None
    label: Text
    words: Words | None = None

    @property
    def starts(self) -> tuple[float, bool]:
        """The lowest value, and whether that value itself is left out."""
        if self.above is not None:
            return (self.above, True)
        return (float("-inf") if self.min is None else self.min, False)


class Points(Part):
    points: Number
    src: Sources
    note: Text | None = None


class Response(Part):
    """At least this percentage better than a baseline that was at least this bad."""

    percent: Number
    baseline_at_least: Number | None = None
    src: Sources


class Threshold(Part):
    """Met below, at or above a score; exactly one of the three is given."""

    below: Number | None = None
    at_most: Number | None = None
    at_least: Number | None = None
    src: Sources
    note: Text | None = None


class Change(Part):
    """What a change of this score means."""

    mcid: Points | None = None
    mcid_percent: Points | None = None
    reliable: Points | None = None
    reliable_by_standard_error: Sources | None = None
    response: Response | None = None
    remission: Threshold | None = None
    caseness: Threshold | None = None
    note: Text | None = None


class Missing(Part):
    """
    What a score does without an answer: nothing, unless the instrument allows the mean of the others.

    ``prorate_up_to`` is how many answers may be missing; ``by_default`` whether it happens unasked.
    """

    prorate_up_to: StrictInt = 0
    by_default: StrictBool = False
    rounded: StrictBool = False
    note: Text | None = None
    src: Sources


class Table(Part):
    """From a whole raw sum to a T-score and its standard error; the first entry is the lowest sum."""

    t: tuple[Number, ...]
    se: tuple[Number, ...] | None = None
    note: Text | None = None
    src: Sources


class Met(Part):
    """A condition on one answer, or on the sum of several."""

    item: Text | None = None
    sum_of: tuple[Text, ...] | None = None
    equals: Number | None = None
    at_least: Number | None = None
    one_of: tuple[Number, ...] | None = None


class Tier(Part):
    """A level of concern, reached by any one of its conditions; the last, with none, is the floor."""

    tier: Text
    any: tuple[Met, ...] = ()


class Branch(Part):
    """A step of a decision: the first whose condition holds gives the grade; the last has none."""

    when: Met | None = None
    gives: StrictInt


class ScoreRule(Part):
    """How one score comes about."""

    name: MeasureCode
    label: Words
    rule: Literal["sum", "mean", "tiers", "branches", "count", "worst", "marks", "areas"]
    items: Literal["scored"] | tuple[Text, ...] = "scored"
    times: Number = 1
    at_least: Number | None = None
    range: tuple[Number, Number] | None
    direction: Direction
    family: Family
    unit: Text | None = None
    percent_ok: StrictBool = False
    stated_within: Number = 0
    table: Table | None = None
    tiers: tuple[Tier, ...] = ()
    branches: tuple[Branch, ...] = ()
    areas: dict[Text, tuple[Text, ...]] = {}
    none_item: Text | None = None
    all_item: Text | None = None
    missing: Missing
    bands: tuple[Band, ...] = ()
    bands_src: Sources = ()
    bands_note: Text | None = None
    change: Change | None = None
    reliability: "Reliability | None" = None
    note: Text | None = None
    src: Sources


class Reliability(Part):
    alpha: Number | None = None
    retest: Number | None = None
    note: Text | None = None
    src: Sources


class Screen(Part):
    """A pattern of answers worth a clinician's look: a screen, never a diagnosis."""

    id: Text
    label: Words
    all: tuple["Enough", ...]
    src: Sources


class Enough(Part):
    """So many of these items (and no more than ``at_most``) at this value or above."""

    items: tuple[Text, ...]
    value: Number
    lower_for: dict[Text, Number] = {}
    at_least: StrictInt
    at_most: StrictInt | None = None


class Scoring(Part):
    """``version`` changes whenever a score would."""

    version: Text
    main: MeasureCode | None = None
    scores: tuple[ScoreRule, ...] = ()
    complete_when: Literal["scored", "decided"] | tuple[Text, ...] = "scored"
    in_order: tuple[tuple[Text, ...], ...] = ()
    screens: tuple[Screen, ...] = ()
    note: Text | None = None
    src: Sources


class SafetyWhen(Part):
    """One answer, one score, one tier; or, in words, something that needs the history."""

    item: Text | None = None
    score: MeasureCode | None = None
    at_least: Number | None = None
    tier: Text | None = None
    history: Text | None = None


class SafetyRule(Part):
    id: Text
    when: SafetyWhen
    level: Level
    within: Text | None = None
    do: Text | None = None
    src: Sources


class Cadence(Part):
    """How often; ``days`` is what a last value is measured against, null where nothing is expected."""

    recommended: Text
    days: StrictInt | None = None
    minimum_days: StrictInt | None = None
    src: Sources


class Form(Part):
    """One published version of one instrument."""

    schema_version: Literal[1] = Field(alias="schema")
    id: Code
    version: Version
    title: Words
    terms: Terms
    recall: Recall
    codes: Codes = Codes()
    stem: Words | None = None
    option_sets: dict[Text, tuple[Option, ...]] = {}
    items: Annotated[tuple[Item, ...], Field(min_length=1)]
    scoring: Scoring
    safety: tuple[SafetyRule, ...] = ()
    cadence: Cadence
    mobile: Text | None = None
    traps: tuple[Text, ...] = ()
    sources: dict[Text, Source]
    validated: StrictBool = True
    _document: Mapping[str, Any] = PrivateAttr(default_factory=dict)

    # A form is compared and kept by what it is: the one object read from its file.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other

    def __repr__(self) -> str:
        return f"Form({self.code}@{self.version})"

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
        return tuple(item.link_id for item in self.items if item.scored and not item.elsewhere)

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

    def items_of(self, rule: ScoreRule) -> tuple[str, ...]:
        return self.scored if rule.items == "scored" else rule.items

"""How a form says that it scores: scores, bands, tables, tiers, what a change means, what a screen is."""

from typing import Literal

from pydantic import StrictBool, StrictInt
from typing_extensions import TypeAliasType

from tracker.instruments.base import (
    CatalogueModel,
    Direction,
    LocalizedText,
    MeasureCode,
    MeasureFamily,
    Number,
    Sources,
    Text,
)


class Band(CatalogueModel):
    """A named stretch of a score, from ``min`` on, or ``above`` it; the next band ends it."""

    min: Number | None = None
    above: Number | None = None
    max: Number | None = None
    label: Text
    words: LocalizedText | None = None

    @property
    def starts(self) -> tuple[float, bool]:
        """The lowest value, and whether that value itself is left out."""
        if self.above is not None:
            return (self.above, True)
        return (float("-inf") if self.min is None else self.min, False)


class Points(CatalogueModel):
    points: Number
    src: Sources
    note: Text | None = None


class Response(CatalogueModel):
    """At least this percentage better than a baseline that was at least this bad."""

    percent: Number
    baseline_at_least: Number | None = None
    src: Sources


class Threshold(CatalogueModel):
    """Met below, at or above a score; exactly one of the three is given."""

    below: Number | None = None
    at_most: Number | None = None
    at_least: Number | None = None
    src: Sources
    note: Text | None = None


class Change(CatalogueModel):
    """What a change of this score means."""

    mcid: Points | None = None
    mcid_percent: Points | None = None
    reliable: Points | None = None
    reliable_by_standard_error: Sources | None = None
    response: Response | None = None
    remission: Threshold | None = None
    caseness: Threshold | None = None
    note: Text | None = None


class Missing(CatalogueModel):
    """
    What a score does without an answer: nothing, unless the instrument allows the mean of the others.

    ``prorate_up_to`` is how many answers may be missing; ``by_default`` whether it happens unasked.
    """

    prorate_up_to: StrictInt = 0
    by_default: StrictBool = False
    rounded: StrictBool = False
    note: Text | None = None
    src: Sources


class Table(CatalogueModel):
    """From a whole raw sum to a T-score and its standard error; the first entry is the lowest sum."""

    t: tuple[Number, ...]
    se: tuple[Number, ...] | None = None
    note: Text | None = None
    src: Sources


class Condition(CatalogueModel):
    """A condition on one answer, or on the sum of several."""

    item: Text | None = None
    sum_of: tuple[Text, ...] | None = None
    equals: Number | None = None
    at_least: Number | None = None
    one_of: tuple[Number, ...] | None = None


class Tier(CatalogueModel):
    """A level of concern, reached by any one of its conditions; the last, with none, is the lowest."""

    tier: Text
    any: tuple[Condition, ...] = ()


class Branch(CatalogueModel):
    """A step of a decision: the first whose condition holds gives the grade; the last has none."""

    when: Condition | None = None
    gives: StrictInt


class Reliability(CatalogueModel):
    alpha: Number | None = None
    retest: Number | None = None
    note: Text | None = None
    src: Sources


ScoreMethod = TypeAliasType(
    "ScoreMethod", Literal["sum", "mean", "tiers", "branches", "count", "worst", "marks", "areas"]
)


class ScoreRule(CatalogueModel):
    """How one score comes about."""

    name: MeasureCode
    label: LocalizedText
    rule: ScoreMethod
    items: Literal["scored"] | tuple[Text, ...] = "scored"
    times: Number = 1
    at_least: Number | None = None
    range: tuple[Number, Number] | None
    direction: Direction
    family: MeasureFamily
    unit: Text | None = None
    has_true_zero: StrictBool = False
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
    reliability: Reliability | None = None
    note: Text | None = None
    src: Sources


class EnoughItems(CatalogueModel):
    """So many of these items (and no more than ``at_most``) at this value or above."""

    items: tuple[Text, ...]
    value: Number
    lower_for: dict[Text, Number] = {}
    at_least: StrictInt
    at_most: StrictInt | None = None


class Screen(CatalogueModel):
    """A pattern of answers worth a clinician's look: a screen, never a diagnosis."""

    id: Text
    label: LocalizedText
    all: tuple[EnoughItems, ...]
    src: Sources


CompletionRule = TypeAliasType("CompletionRule", Literal["scored", "decided"])


class Scoring(CatalogueModel):
    """``version`` changes whenever a score would."""

    version: Text
    main: MeasureCode | None = None
    scores: tuple[ScoreRule, ...] = ()
    complete_when: CompletionRule | tuple[Text, ...] = "scored"
    in_order: tuple[tuple[Text, ...], ...] = ()
    screens: tuple[Screen, ...] = ()
    note: Text | None = None
    src: Sources

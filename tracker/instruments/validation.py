"""
What a questionnaire must fulfil beyond its shape: names that exist, ranges that fit, sources for numbers.

Each fault is a path into the file and a sentence for the person who wrote it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from tracker.instruments.base import CatalogueModel
from tracker.instruments.definition import InstrumentDefinition, Item, SafetyWhen
from tracker.instruments.score_schema import Band, Condition, ScoreRule

Path = tuple[str | int, ...]
Fault = tuple[Path, str]


def faults(form: InstrumentDefinition) -> list[Fault]:
    """Everything that is wrong with a form that has the right shape."""
    # Without knowing what an item takes, nothing can be said about scores.
    malformed = [fault for at, item in enumerate(form.items) for fault in _answers(form, item, ("items", at))]
    if malformed:
        return malformed
    found = (
        *_items(form),
        *_wording(form),
        *_measure_names(form),
        *_scores(form),
        *_scoring(form),
        *_safety(form),
        *_sources(form),
    )
    return list(dict.fromkeys(found))


def _items(form: InstrumentDefinition) -> Iterator[Fault]:
    keys: Counter[str] = Counter()
    for item in form.items:
        keys.update(
            {item.link_id, item.link_id.lstrip("/")} | ({str(item.n)} if item.n is not None else set())
        )
    for at, item in enumerate(form.items):
        path: Path = ("items", at)
        if keys[item.link_id] > 1:
            yield (*path, "linkId"), f"{item.link_id!r} names more than one item"
        if item.n is not None and keys[str(item.n)] > 1 and str(item.n) != item.link_id.lstrip("/"):
            yield (*path, "n"), f"{item.n} names more than one item"
        if item.link_id == "stem":
            yield (*path, "linkId"), "'stem' is what stands above the items; choose another"
        if item.asked_when and item.asked_when.item not in form.item:
            yield (*path, "asked_when"), f"there is no item {item.asked_when.item!r}"


def _answers(form: InstrumentDefinition, item: Item, path: Path) -> Iterator[Fault]:
    if sum(given is not None for given in (item.options, item.range, item.recorded_as)) != 1:
        yield path, "needs exactly one of options, range or recorded_as"
        return
    if isinstance(item.options, str) and item.options not in form.option_sets:
        yield (*path, "options"), f"there is no option set {item.options!r}"
        return
    if item.range and item.range[0] >= item.range[1]:
        yield (*path, "range"), "the lower end must be below the upper end"
    if item.step <= 0:
        yield (*path, "step"), "must be above 0"
    values = [option.value for option in form.options_of(item) or ()]
    if len(set(values)) != len(values):
        yield (*path, "options"), "two options have the same value"
    if item.reverse and item.recode:
        yield path, "reverse and recode exclude each other"
    if item.recode and set(item.recode) != set(form.answers_to(item)):
        yield (*path, "recode"), "must say what each answer becomes, and no other"


def _wording(form: InstrumentDefinition) -> Iterator[Fault]:
    for at, item in enumerate(form.items):
        if not form.terms.wording_may_ship and item.text:
            yield ("items", at, "text"), "the terms do not allow shipping the wording: leave text out"
        if form.terms.wording_may_ship and not item.text and not item.recorded_as:
            yield ("items", at), "has no text, though the terms allow shipping the wording"
    if not form.terms.wording_may_ship and form.stem:
        yield ("stem",), "the terms do not allow shipping the wording: leave stem out"
    if "en" not in form.title:
        yield ("title",), "needs en, the language that staff read; others may stand beside it"
    for path, words in _all_words(form):
        lacking = sorted(set(form.title) - set(words))
        if lacking:
            yield path, f"lacks the language {', '.join(lacking)}, which the title has"


def _all_words(form: InstrumentDefinition) -> Iterator[tuple[Path, dict[str, str]]]:
    for at, item in enumerate(form.items):
        if item.text:
            yield ("items", at, "text"), item.text
        if item.measure:
            yield ("items", at, "measure", "label"), item.measure.label
    for at, rule in enumerate(form.scoring.scores):
        yield ("scoring", "scores", at, "label"), rule.label
    if form.stem:
        yield ("stem",), form.stem
    for name, options in form.option_sets.items():
        for at, option in enumerate(options):
            if option.label:
                yield ("option_sets", name, at, "label"), option.label


def _measure_names(form: InstrumentDefinition) -> Iterator[Fault]:
    names: Counter[str] = Counter(rule.name for rule in form.scoring.scores)
    names.update(item.measure.code for item in form.items if item.measure)
    for at, rule in enumerate(form.scoring.scores):
        if names[rule.name] > 1:
            yield ("scoring", "scores", at, "name"), f"{rule.name!r} names more than one measure"
        if rule.name != form.id and not rule.name.startswith(f"{form.id}."):
            yield ("scoring", "scores", at, "name"), f"must be {form.id!r} or start with '{form.id}.'"
    for at, item in enumerate(form.items):
        if item.measure and names[item.measure.code] > 1:
            yield ("items", at, "measure", "code"), f"{item.measure.code!r} names more than one measure"
        if item.measure:
            yield from _bands(item.measure.bands, ("items", at, "measure", "bands"))
    if form.scoring.main and not form.main:
        yield ("scoring", "main"), f"there is no score {form.scoring.main!r}"


def _scores(form: InstrumentDefinition) -> Iterator[Fault]:
    for at, rule in enumerate(form.scoring.scores):
        path: Path = ("scoring", "scores", at)
        unknown = [name for name in _named_items(form, rule) if name not in form.item]
        for name in unknown:
            yield path, f"there is no item {name!r}"
        yield from _bands(rule.bands, (*path, "bands"))
        if not unknown:
            yield from _range(form, rule, path)
            yield from _needs(form, rule, path)


def _named_items(form: InstrumentDefinition, rule: ScoreRule) -> Iterator[str]:
    yield from form.items_of(rule)
    yield from _of_conditions(met for tier in rule.tiers for met in tier.any)
    yield from _of_conditions(branch.when for branch in rule.branches if branch.when)
    for area in rule.areas.values():
        yield from area
    yield from (name for name in (rule.none_item, rule.all_item) if name)


def _of_conditions(conditions: Iterable[Condition]) -> Iterator[str]:
    for met in conditions:
        yield from [met.item] if met.item else met.sum_of or ()


def _bands(bands: Sequence[Band], path: Path) -> Iterator[Fault]:
    starts = [band.starts for band in bands]
    if starts != sorted(starts) or len(set(starts)) != len(starts):
        yield path, "bands must rise, and none may start where another does"
    for at, (band, after) in enumerate(pairwise(bands)):
        if band.max is not None and after.min is not None and not band.max < after.min <= band.max + 1:
            yield (*path, at + 1), f"must start right after {band.max}"
    if bands and bands[-1].above is None and bands[-1].min is None and len(bands) > 1:
        yield (*path, len(bands) - 1), "needs min or above"


def points_range(form: InstrumentDefinition, link_id: str) -> tuple[float, float]:
    """The fewest and the most points that an item can add."""
    item = form.item[link_id]
    if item.recode:
        return min(item.recode.values()), max(item.recode.values())
    options = form.options_of(item)
    if options:
        values = [option.value for option in options]
        return min(values), max(values)
    assert item.range is not None
    return item.range


def _range(form: InstrumentDefinition, rule: ScoreRule, path: Path) -> Iterator[Fault]:
    if rule.rule not in ("sum", "mean") or rule.range is None:
        return
    ends = [points_range(form, name) for name in form.items_of(rule)]
    share = len(ends) if rule.rule == "mean" else 1
    low, high = (sum(end) * rule.times / share for end in zip(*ends, strict=True))
    if (low, high) != tuple(rule.range):
        yield (*path, "range"), f"says {list(rule.range)}, but the items give {low:g} to {high:g}"
    if rule.table and len(rule.table.t) != high - low + 1:
        yield (*path, "table"), f"needs {high - low + 1:g} values, one for each sum from {low:g} to {high:g}"
    if rule.table and rule.table.se and len(rule.table.se) != len(rule.table.t):
        yield (*path, "table", "se"), "needs as many values as t"
    if rule.missing.prorate_up_to >= len(ends):
        yield (*path, "missing"), "cannot do without every answer"


def _needs(form: InstrumentDefinition, rule: ScoreRule, path: Path) -> Iterator[Fault]:
    if rule.rule == "tiers" and (not rule.tiers or rule.tiers[-1].any):
        yield path, "tiers end with one that has no condition"
    if rule.rule == "branches" and (not rule.branches or rule.branches[-1].when):
        yield path, "branches end with one that has no condition"
    if rule.rule == "count" and rule.at_least is None:
        yield path, "count needs at_least"
    if rule.rule == "areas" and not rule.areas:
        yield path, "areas names no areas"
    if rule.rule in ("marks", "areas") and not rule.none_item:
        yield path, "needs none_item, so that 'nowhere' can be said"
    if rule.rule != "tiers" and rule.range is None:
        yield (*path, "range"), "is missing"


def _scoring(form: InstrumentDefinition) -> Iterator[Fault]:
    asked = form.scoring.complete_when
    for name in asked if not isinstance(asked, str) else ():
        if name not in form.item:
            yield ("scoring", "complete_when"), f"there is no item {name!r}"
    for at, screen in enumerate(form.scoring.screens):
        for name in (name for enough in screen.all for name in enough.items):
            if name not in form.item:
                yield ("scoring", "screens", at), f"there is no item {name!r}"
    for at, chain in enumerate(form.scoring.in_order):
        for name in chain:
            if name not in form.item:
                yield ("scoring", "in_order", at), f"there is no item {name!r}"


def _safety(form: InstrumentDefinition) -> Iterator[Fault]:
    ids = Counter(rule.id for rule in form.safety)
    for at, rule in enumerate(form.safety):
        path: Path = ("safety", at)
        if ids[rule.id] > 1:
            yield (*path, "id"), f"{rule.id!r} names more than one rule"
        for said in _unevaluated(form, rule.when):
            yield (*path, "when"), said
    guarded = {rule.when.item for rule in form.safety}
    for at, item in enumerate(form.items):
        if item.safety and item.link_id not in guarded and not _tiers(form):
            yield ("items", at, "safety"), "no safety rule says what this item raises"


def _tiers(form: InstrumentDefinition) -> set[str]:
    return {tier.tier for rule in form.scoring.scores for tier in rule.tiers}


def _unevaluated(form: InstrumentDefinition, when: SafetyWhen) -> Iterator[str]:
    """Why a rule would never be evaluated, or never be met."""
    if sum(given is not None for given in (when.item, when.score, when.tier)) != 1:
        yield "needs exactly one of item, score or tier"
    if (when.item or when.score) and when.at_least is None:
        yield "needs at_least"
    if when.tier and when.tier not in _tiers(form):
        yield f"there is no tier {when.tier!r}"
    if when.item:
        yield from _unreached(when, f"item {when.item!r}", _highest_answer(form, when.item))
    if when.score:
        yield from _unreached(when, f"score {when.score!r}", _highest_score(form, when.score))


def _unreached(when: SafetyWhen, name: str, highest: float | None) -> Iterator[str]:
    if highest is None:
        yield f"there is no {name} with a number"
    elif when.at_least is not None and when.at_least > highest:
        yield f"{name} never reaches {when.at_least:g}"


def _highest_answer(form: InstrumentDefinition, link_id: str) -> float | None:
    item = form.item.get(link_id)
    if item is None or item.recorded_as:
        return None
    options = form.options_of(item)
    return max(option.value for option in options) if options else item.range[1] if item.range else None


def _highest_score(form: InstrumentDefinition, name: str) -> float | None:
    rule = next((rule for rule in form.scoring.scores if rule.name == name), None)
    return rule.range[1] if rule and rule.range else None


def _sources(form: InstrumentDefinition) -> Iterator[Fault]:
    """Every ``src`` names a source of the file, and none is empty where a number stands."""
    for path, sources in _cited(form, ()):
        for name in sources:
            if name not in form.sources:
                yield path, f"there is no source {name!r}"
        if not sources and _needs_source(form, path):
            yield path, "names no source"


def _needs_source(form: InstrumentDefinition, path: Path) -> bool:
    if path == ("codes", "src"):
        return any((form.codes.panel, form.codes.total, form.codes.scores))
    if path[-1] == "bands_src":
        owner: object = form
        for step in path[:-1]:
            owner = owner[step] if isinstance(step, int) else getattr(owner, step)  # type: ignore[index]
        return bool(getattr(owner, "bands", ()))
    return True


def _cited(part: CatalogueModel, path: Path) -> Iterator[tuple[Path, Sequence[str]]]:
    for name in type(part).model_fields:
        if name in ("document", "sources"):
            continue
        value = getattr(part, name)
        if name in ("src", "bands_src", "reliable_by_standard_error") and value is not None:
            yield (*path, name), value
        elif isinstance(value, CatalogueModel):
            yield from _cited(value, (*path, name))
        elif isinstance(value, tuple):
            for at, one in enumerate(value):
                if isinstance(one, CatalogueModel):
                    yield from _cited(one, (*path, name, at))

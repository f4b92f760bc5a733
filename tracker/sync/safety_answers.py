"""
Safety answers in the fields of one object, however these are named: what the safety scan (``sync.safety``) looks for.

Fields, items and instruments are known by their names without case, spaces, ``_`` and ``-``, items also by number.
"""

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from tracker.alerts import rules
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.lib.lenient_json import IsOver
from tracker.records.kinds import KINDS

# Left out of a name before it is compared.
_SEPARATORS = ("_", "-", " ", "\t", "\r", "\n")
# Of one item more answers that differ than this hold one that is positive, or that cannot be read.
_MOST_READINGS = 16
_LONGEST_KEPT = 128
_Met = Iterator[tuple[AlertRule, float | bool]]


def met(data: Mapping[str, Any], is_over: IsOver) -> _Met:
    """Yield each rule that the answers in ``data`` meet, with the value, until ``is_over``."""
    yield from _met_by_kinds(data)
    for reading in _readings(data):
        if is_over():
            return
        yield from _met_by_kinds(reading)
        form, answers = _form(reading), reading.get("answers")
        if form is not None:
            yield from _met_by_answers(form, answers)
        for other in _forms_of_safety_items(answers, form):
            yield from _met_by_answers(other, answers)
        # Whatever kind is named: of checklists alone the answers are called items.
        for checklist in rules.checklists():
            yield from _met_by_answers(checklist, reading.get("items"))


@cache
def known_names() -> frozenset[str]:
    """Return the names, folded, under one of which an answer must stand."""
    return frozenset({"data", "answers", "items"} | _names_of_kinds().keys())


def fold(text: str) -> str:
    """A name without case, spaces, ``_`` and ``-``: the same of ``self_harm_thoughts`` and ``selfHarmThoughts``."""
    return _folded(text) if len(text) <= _LONGEST_KEPT else _folded.__wrapped__(text)


# Each name of a record is looked at several times, and most are the same in every record.
@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    for separator in _SEPARATORS:
        text = text.replace(separator, "")
    return text.strip().casefold()


@cache
def _names_of_kinds() -> Mapping[str, str]:
    """The fields that the rules of the kinds look at (and those beside them), by their folded names."""
    return {
        fold(name): name for kind in KINDS.values() if kind.alert_rules for name in kind.payload.model_fields
    }


def _met_by_kinds(data: Mapping[str, Any]) -> _Met:
    for rule in rules.of_all_kinds():
        value = rule.evaluate(data)
        if value is not None and value is not False:
            yield rule, value


def _readings(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``data`` by folded names; a name that comes several times has each of its values in a reading of its own."""
    readings: list[dict[str, Any]] = [{}]
    count: dict[str, int] = {}
    for name, value in data.items():
        folded = fold(name)
        folded = _names_of_kinds().get(folded, folded)
        place = count.get(folded, 0)
        count[folded] = place + 1
        if place == len(readings):
            readings.append({})
        readings[place][folded] = value
    first, *others = readings
    return [first, *(ChainMap(other, first) for other in others)]


def _met_by_answers(form: InstrumentDefinition, answers: Any) -> _Met:
    # Of answers to nothing that is asked there is nothing to score.
    if not form.safety or (isinstance(answers, dict) and _names(form).keys().isdisjoint(map(fold, answers))):
        return
    for spelling in _spellings(form, answers) if isinstance(answers, dict) else [answers]:
        yield from alert_rules.met(form, spelling)


def _spellings(form: InstrumentDefinition, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    The answers by link ids, however these are spelt; an item that comes in several spellings is read in each.

    Of names of nothing that is asked one is kept: there is no total then, and it does not matter how many there are.
    """
    names, unknown = _names(form), False
    readings: list[dict[str, Any]] = [{}]
    known: dict[str, set[tuple[type, str]]] = {}
    for key, value in answers.items():
        name = names.get(fold(key))
        if name is None:
            if not unknown:
                readings[0][key], unknown = value, True
            continue
        values, mark = known.setdefault(name, set()), (type(value), _short(value))
        if mark in values or len(values) == _MOST_READINGS:
            continue
        if len(values) == len(readings):
            readings.append({})
        readings[len(values)][name] = value
        values.add(mark)
    return readings


def _short(value: Any) -> str:
    """What tells answers apart; of what is no answer, whatever it is, one is enough."""
    return "" if isinstance(value, list | dict) else str(value)[:40]


@cache
def _names(form: InstrumentDefinition) -> Mapping[str, str]:
    """Every name that an item can be answered by, to its link id."""
    numbers = {fold(str(item.n)): item.link_id for item in form.items if item.n is not None}
    return numbers | _names_by_link_id(form)


def _names_by_link_id(form: InstrumentDefinition) -> dict[str, str]:
    bare = {fold(item.link_id.lstrip("/")): item.link_id for item in form.items}
    return bare | {fold(item.link_id): item.link_id for item in form.items}


def _forms_of_safety_items(answers: Any, form: InstrumentDefinition | None) -> list[InstrumentDefinition]:
    """The instruments whose safety questions are answered, though none or another (``form``) is named."""
    if not isinstance(answers, dict):
        return []
    own = _names(form).keys() if form else frozenset()
    items = _safety_items(catalogue.all())
    codes = {code for name in items.keys() & set(map(fold, answers)) - own for code in items[name]}
    return [catalogue.latest(code) for code in sorted(codes)]


@lru_cache(maxsize=1)
def _safety_items(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, set[str]]:
    """Each safety item by its link id, folded, to the codes of the instruments that ask it. Numbers tell nothing."""
    codes: dict[str, set[str]] = {}
    for form in forms:
        asked = {rule.when.item for rule in form.safety} | {
            item.link_id for item in form.items if item.safety
        }
        for name, link_id in _names_by_link_id(form).items() if form.safety else ():
            if link_id in asked:
                codes.setdefault(name, set()).add(form.code)
    return codes


def _form(data: Mapping[str, Any]) -> InstrumentDefinition | None:
    """The instrument that is meant, however its name is spelt; its newest version if the one named is not known."""
    name, version = data.get("instrument"), data.get("version")
    code = _codes(catalogue.all()).get(_bare(name)) if isinstance(name, str) else None
    if code is None:
        return None
    try:
        return catalogue.get(code, str(version))
    except catalogue.UnknownInstrumentError:
        pass
    return catalogue.latest(code)


@lru_cache(maxsize=1)
def _codes(forms: tuple[InstrumentDefinition, ...]) -> Mapping[str, str]:
    """The code of each instrument by what is left of it without hyphens, spaces and case: ``phq9``."""
    return {_bare(form.code): form.code for form in forms}


def _bare(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()

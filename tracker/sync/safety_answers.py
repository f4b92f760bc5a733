"""
Safety answers in the fields of one object, however these are named: what the safety scan (``sync.safety``) looks for.

Fields, items and instruments are known by ``item_names``. An item may be the name of a field or, as in FHIR, the value
of one with its answer beside it.
"""

import re
from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from tracker.alerts import rules
from tracker.instruments import alert_rules, catalogue
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.definition import InstrumentDefinition
from tracker.lib import lenient_json
from tracker.lib.lenient_json import IsOver
from tracker.records.kinds import KINDS
from tracker.sync import item_names

# Numbers beside the answers that are none themselves.
_TOTAL = re.compile(r".*(?:total|score|sum)")
# Fields that name what is answered, and beginnings of those that hold the answer (FHIR: ``valueInteger``).
_NAMING = ("linkid", "code", "coding", "item", "question", "name", "key", "id", "measure", "effect")
_ANSWERING = ("value", "answer", "response", "result", "score", "choice", "severity")
# Parts of a coded value that are not the answer.
_ASIDE = frozenset({"system", "version", "url", "id", "linkid", "unit", "extension", "userselected", "text"})
# Of one item more answers that differ than this hold one that is positive, or that cannot be read.
_MOST_READINGS = 16
_Met = Iterator[tuple[AlertRule, float | bool]]


def met(data: Mapping[str, Any], is_over: IsOver) -> _Met:
    """Yield each rule that the answers in ``data`` meet, with the value, until ``is_over``."""
    yield from _met_by_kinds(data)
    for reading in _readings(data):
        if is_over():
            return
        yield from _met_by_kinds(reading)
        form, answers = item_names.form_of(reading), _by_item(reading.get("answers"))
        if form is not None:
            yield from _met_by_answers(form, answers)
            if not item_names.names_known_version(form, reading):
                yield from _met_by_unassigned(form, answers)
            # Whatever the answers are called, and where they stand beside the instrument.
            for part in (data, *(part for name, part in reading.items() if name != "answers")):
                others = _by_item(part)
                if isinstance(others, dict) and any(item_names.link_id(form, name) for name in others):
                    yield from _met_by_answers(
                        form, {n: v for n, v in others.items() if item_names.link_id(form, n)}
                    )
        # Fields of the kinds are read by their own rules.
        beside = {name: part for name, part in data.items() if item_names.fold(name) not in _names_of_kinds()}
        for part in (answers, beside):
            for other in _forms_of_safety_items(part, form):
                yield from _met_by_answers(other, part)
        # Whatever kind is named: of checklists alone the answers are called items.
        for checklist in rules.checklists():
            yield from _met_by_answers(checklist, reading.get("items"))
    yield from _met_by_coded(data)


@cache
def known_names() -> frozenset[str]:
    """Return the names, folded, under one of which an answer must stand."""
    return frozenset({"data", "answers", "items"} | _names_of_kinds().keys())


def tells_of_safety(text: str) -> bool:
    """Whether a name stands in ``text`` of which one stands wherever a safety question is answered."""
    folded = item_names.fold(text)
    return any(name in folded for name in _names_of_safety(catalogue.all()))


@lru_cache(maxsize=1)
def _names_of_safety(forms: tuple[InstrumentDefinition, ...]) -> frozenset[str]:
    forms_by_name = {item_names.fold(form.code) for form in forms if form.safety}
    return known_names() - {"data"} | forms_by_name | item_names.safety_items(forms).keys()


def may_hold_answers(part: Mapping[str, Any]) -> bool:
    """Whether a safety question may be answered in the fields of ``part`` themselves."""
    items = item_names.safety_items(catalogue.all())
    for name, value in part.items():
        folded = item_names.fold(name)
        if (
            folded in known_names()
            or folded in _NAMING
            or folded == "instrument"
            or item_names.item_name(name) in items
        ):
            return True
        if isinstance(value, str) and item_names.item_name(value) in items:
            return True
    return False


@cache
def _names_of_kinds() -> Mapping[str, str]:
    """The fields that the rules of the kinds look at (and those beside them), by their folded names."""
    return {
        item_names.fold(name): name
        for kind in KINDS.values()
        if kind.alert_rules
        for name in kind.payload.model_fields
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
        folded = item_names.fold(name)
        folded = _names_of_kinds().get(folded, folded)
        place = count.get(folded, 0)
        count[folded] = place + 1
        if place == len(readings):
            readings.append({})
        readings[place][folded] = value
    first, *others = readings
    return [first, *(ChainMap(other, first) for other in others)]


def _met_by_answers(form: InstrumentDefinition, answers: Any) -> _Met:
    if not form.safety:
        return
    if not isinstance(answers, dict):
        yield from alert_rules.met(form, answers)
        return
    assigned = {name for name in answers if item_names.link_id(form, name)}
    if not assigned and all(_is_no_answer(name, value) for name, value in answers.items()):
        return
    if not assigned:
        # Answers there are, and nobody can say what to.
        yield from alert_rules.met(form, [answers])
        return
    for spelling in _spellings(form, answers):
        yield from alert_rules.met(form, spelling)


def _met_by_unassigned(form: InstrumentDefinition, answers: Any) -> _Met:
    """
    Answers to items that no version asks which is known here, where no safety item is answered by a name that is.

    Of a known version they are refused by name; of another one they are kept, and one of them may be that answer.
    """
    if not form.safety or not isinstance(answers, dict):
        return
    asked = {rule.when.item for rule in form.safety} | {item.link_id for item in form.items if item.safety}
    assigned = {name: item_names.link_id(form, name) for name in answers}
    others = [
        name for name, item in assigned.items() if item is None and not _is_no_answer(name, answers[name])
    ]
    if others and not (asked - {None}) & set(assigned.values()):
        yield from alert_rules.met(form, [others])


def _is_no_answer(name: str, value: Any) -> bool:
    """Whether what stands under an unknown name is no answer to a safety question, or a plain no."""
    return value is None or alert_rules.is_plain_no(value) or bool(_TOTAL.fullmatch(item_names.fold(name)))


def _met_by_coded(data: Mapping[str, Any]) -> _Met:
    """Answers as in FHIR: the item named in one field (``linkId``, ``code``), the answer in another."""
    items = item_names.safety_items(catalogue.all())
    named = [text for name, part in data.items() if item_names.fold(name) in _NAMING for text in _texts(part)]
    for text in dict.fromkeys(map(item_names.item_name, named)):
        answer = _answer_beside(data)
        for code in sorted(items.get(text, ())):
            form = catalogue.latest(code)
            if answer is None and _is_adverse_event(data):
                yield from alert_rules.met(form, [text])
            else:
                yield from _met_by_answers(form, {text: answer})


def _is_adverse_event(data: Mapping[str, Any]) -> bool:
    """Whether ``data`` says that an effect was there: without a severity that is no question left unasked."""
    return any(
        item_names.fold(name) == "effect"
        or (
            item_names.fold(name) == "kind"
            and isinstance(part, str)
            and item_names.fold(part) == "adverseevent"
        )
        for name, part in data.items()
    )


def _answer_beside(data: Mapping[str, Any]) -> Any:
    """The answer in the fields that hold one; several values, as of a coding, in a list."""
    values = _parts([part for name, part in data.items() if item_names.fold(name).startswith(_ANSWERING)])
    return values[0] if len(values) == 1 else values or None


def _texts(part: Any) -> list[str]:
    return [text for text in _parts(part) if isinstance(text, str)]


def _parts(part: Any) -> list[Any]:
    """The first few values in a coded part of any form; of a coding its code and its text."""
    waiting, found = [part], []
    for _ in range(4 * _MOST_READINGS):
        if not waiting:
            break
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [inner for name, inner in value.items() if item_names.fold(name) not in _ASIDE]
        elif isinstance(value, list):
            waiting += value[:_MOST_READINGS]
        elif value is not None:
            found.append(value)
    return found[:_MOST_READINGS]


def _new_key(by_item: Mapping[str, Any], name: str) -> str:
    """The name; one that stands there already is kept beside it: of several answers each is read."""
    return lenient_json.RepeatedKey(name) if name in by_item else name


def _by_item(answers: Any) -> Any:
    """Answers that come as a list, of pairs or of objects that name their item, by item; others as they are."""
    if not isinstance(answers, list) or not answers:
        return answers
    by_item: dict[str, Any] = {}
    for each in answers:
        match each:
            case [str(name), value]:
                by_item[_new_key(by_item, name)] = value
            case dict():
                named = [
                    text
                    for name, part in each.items()
                    if item_names.fold(name) in _NAMING
                    for text in _texts(part)
                ]
                if not named:
                    return answers
                by_item[_new_key(by_item, named[0])] = _answer_beside(each)
            case _:
                return answers
    return by_item


def _spellings(form: InstrumentDefinition, answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """
    The answers by link ids, however these are spelt; an item that comes in several spellings is read in each.

    Of names of nothing that is asked one is kept: there is no total then, and it does not matter how many there are.
    """
    unknown = False
    readings: list[dict[str, Any]] = [{}]
    known: dict[str, set[tuple[type, str]]] = {}
    for key, given in answers.items():
        name = item_names.link_id(form, key)
        if name is None:
            if not unknown:
                readings[0][key], unknown = given, True
            continue
        value = _offered(form, name, given)
        values, mark = known.setdefault(name, set()), (type(value), _short(value))
        if mark in values or len(values) == _MOST_READINGS:
            continue
        if len(values) == len(readings):
            readings.append({})
        readings[len(values)][name] = value
        values.add(mark)
    return readings


def _offered(form: InstrumentDefinition, link_id: str, given: Any) -> Any:
    """The number that is meant by an option's text or LOINC code; by a plain no in words, the least that is offered."""
    options = _options(form, link_id)
    texts = [given] if isinstance(given, str) else _texts(given) if isinstance(given, list | dict) else []
    numbers = {options[item_names.fold(text)] for text in texts if item_names.fold(text) in options}
    if len(numbers) == 1:
        return numbers.pop()
    is_in_words = isinstance(given, str | bool) and alert_rules.is_plain_no(given)
    least = _least(form, link_id) if is_in_words else None
    return given if least is None else least


@lru_cache(maxsize=4096)
def _options(form: InstrumentDefinition, link_id: str) -> Mapping[str, int | float]:
    """The options of an item by their texts and LOINC codes, folded."""
    item = form.item.get(link_id)
    return {
        item_names.fold(text): option.value
        for option in (form.options_of(item) if item else None) or ()
        for text in (option.loinc, *(option.label or {}).values())
        if text
    }


@lru_cache(maxsize=4096)
def _least(form: InstrumentDefinition, link_id: str) -> int | float | None:
    item = form.item.get(link_id)
    if item is None:
        return None
    return item.range[0] if item.range else min((o.value for o in form.options_of(item) or ()), default=None)


def _short(value: Any) -> str:
    """What tells answers apart; of what is no answer, whatever it is, one is enough."""
    return "" if isinstance(value, list | dict) else str(value)[:40]


def _forms_of_safety_items(answers: Any, form: InstrumentDefinition | None) -> list[InstrumentDefinition]:
    """The instruments whose safety questions are answered, though none or another (``form``) is named."""
    if not isinstance(answers, dict):
        return []
    own = item_names.names(form).keys() if form else frozenset()
    items = item_names.safety_items(catalogue.all())
    names = {
        known
        for name in answers
        for known in (item_names.fold(name), item_names.item_name(name))
        if known in items
    } - own
    codes = {code for name in names for code in items[name]}
    return [catalogue.latest(code) for code in sorted(codes)]

"""
Safety answers in the fields of one object, however these are named: what the safety scan (``sync.safety``) looks for.

Fields, items and instruments are known by the letters and digits of their names alone (Unicode NFKC, without case),
items also by number and behind the address of a code system (``http://loinc.org|44260-8``). An item may be the name
of a field or, as in FHIR, the value of one with its answer beside it.
"""

import re
import unicodedata
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

# Left out of a name before it is compared: whatever is neither letter nor digit, seen or unseen.
_SEPARATORS = re.compile(r"[\W_]+")
# What stands before an item's code: a code system, a form.
_PREFIX = re.compile(r".*[|#/:]", re.DOTALL)
# An item by its number behind a word: ``Q9``, ``PHQ.9``, ``phq9_9``.
_NUMBERED = re.compile(r"[a-z](?:.*\D)?0*(\d{1,3})", re.DOTALL)
# Numbers beside the answers that are none themselves.
_TOTAL = re.compile(r".*(?:total|score|sum)")
# Fields that name what is answered, and beginnings of those that hold the answer (FHIR: ``valueInteger``).
_NAMING = ("linkid", "code", "coding", "item", "question", "name", "key", "id", "measure")
_ANSWERING = ("value", "answer", "response", "result", "score", "choice")
# Parts of a coded value that are not the answer.
_ASIDE = frozenset({"system", "version", "url", "id", "linkid", "unit", "extension", "userselected", "text"})
_LONGEST_NAME = 200
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
        form, answers = _form(reading), _by_item(reading.get("answers"))
        if form is not None:
            yield from _met_by_answers(form, answers)
            # Whatever the answers are called, and where they stand beside the instrument.
            for part in (data, *(part for name, part in reading.items() if name != "answers")):
                others = _by_item(part)
                if isinstance(others, dict) and any(_link_id(form, name) for name in others):
                    yield from _met_by_answers(form, {n: v for n, v in others.items() if _link_id(form, n)})
        # Fields of the kinds are read by their own rules.
        beside = {name: part for name, part in data.items() if fold(name) not in _names_of_kinds()}
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
    folded = fold(text)
    return any(name in folded for name in _names_of_safety(catalogue.all()))


@lru_cache(maxsize=1)
def _names_of_safety(forms: tuple[InstrumentDefinition, ...]) -> frozenset[str]:
    forms_by_name = {fold(form.code) for form in forms if form.safety}
    return known_names() - {"data"} | forms_by_name | _safety_items(forms).keys()


def may_hold_answers(part: Mapping[str, Any]) -> bool:
    """Whether a safety question may be answered in the fields of ``part`` themselves."""
    items = _safety_items(catalogue.all())
    for name, value in part.items():
        folded = fold(name)
        if (
            folded in known_names()
            or folded in _NAMING
            or folded == "instrument"
            or _item_name(name) in items
        ):
            return True
        if isinstance(value, str) and _item_name(value) in items:
            return True
    return False


def fold(text: str) -> str:
    """The letters and digits of a name: the same of ``self_harm_thoughts``, ``selfHarmThoughts`` and look-alikes."""
    return _folded(text) if len(text) <= _LONGEST_NAME else _folded.__wrapped__(text)


# Each name of a record is looked at several times, and most are the same in every record.
@lru_cache(maxsize=4096)
def _folded(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return _SEPARATORS.sub("", text).casefold()


def _item_name(text: str) -> str:
    """An item's name, folded, without the code system before it."""
    return fold(_PREFIX.sub("", text)) if len(text) <= _LONGEST_NAME else ""


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
    if not form.safety:
        return
    if not isinstance(answers, dict):
        yield from alert_rules.met(form, answers)
        return
    assigned = {name for name in answers if _link_id(form, name)}
    if not assigned and all(_is_no_answer(name, value) for name, value in answers.items()):
        return
    if not assigned:
        # Answers there are, and nobody can say what to.
        yield from alert_rules.met(form, [answers])
        return
    for spelling in _spellings(form, answers):
        yield from alert_rules.met(form, spelling)


def _is_no_answer(name: str, value: Any) -> bool:
    """Whether what stands under an unknown name is no answer to a safety question, or a plain no."""
    return value is None or alert_rules.is_plain_no(value) or bool(_TOTAL.fullmatch(fold(name)))


def _met_by_coded(data: Mapping[str, Any]) -> _Met:
    """Answers as in FHIR: the item named in one field (``linkId``, ``code``), the answer in another."""
    items = _safety_items(catalogue.all())
    named = [text for name, part in data.items() if fold(name) in _NAMING for text in _texts(part)]
    for text in dict.fromkeys(map(_item_name, named)):
        for code in sorted(items.get(text, ())):
            form = catalogue.latest(code)
            yield from _met_by_answers(form, {text: _answer_beside(data)})


def _answer_beside(data: Mapping[str, Any]) -> Any:
    """The answer in the fields that hold one; several values, as of a coding, in a list."""
    values = _parts([part for name, part in data.items() if fold(name).startswith(_ANSWERING)])
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
            waiting += [inner for name, inner in value.items() if fold(name) not in _ASIDE]
        elif isinstance(value, list):
            waiting += value[:_MOST_READINGS]
        elif value is not None:
            found.append(value)
    return found[:_MOST_READINGS]


def _by_item(answers: Any) -> Any:
    """Answers that come as a list, of pairs or of objects that name their item, by item; others as they are."""
    if not isinstance(answers, list) or not answers:
        return answers
    by_item: dict[str, Any] = {}
    for each in answers:
        match each:
            case [str(name), value]:
                by_item[name] = value
            case dict():
                named = [
                    text for name, part in each.items() if fold(name) in _NAMING for text in _texts(part)
                ]
                if not named:
                    return answers
                by_item[named[0]] = _answer_beside(each)
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
        name = _link_id(form, key)
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
    numbers = {options[fold(text)] for text in texts if fold(text) in options}
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
        fold(text): option.value
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


@lru_cache(maxsize=4096)
def _link_id(form: InstrumentDefinition, name: str) -> str | None:
    """The link id of the item that is named: by it, by its code, or by its number, also behind a word."""
    names, folded = _names(form), fold(name)
    if folded in names:
        return names[folded]
    # What is called as the form is rather its total.
    if len(name) > _LONGEST_NAME or name.casefold() in {form.code, fold(form.code)}:
        return None
    number = _NUMBERED.fullmatch(unicodedata.normalize("NFKC", name).casefold())
    return names.get(_item_name(name)) or (names.get(number[1]) if number else None)


@cache
def _names(form: InstrumentDefinition) -> Mapping[str, str]:
    """Every name that an item can be answered by, to its link id."""
    numbers = {fold(str(item.n)): item.link_id for item in form.items if item.n is not None}
    return numbers | _names_by_link_id(form)


def _names_by_link_id(form: InstrumentDefinition) -> dict[str, str]:
    return {fold(item.link_id): item.link_id for item in form.items}


def _forms_of_safety_items(answers: Any, form: InstrumentDefinition | None) -> list[InstrumentDefinition]:
    """The instruments whose safety questions are answered, though none or another (``form``) is named."""
    if not isinstance(answers, dict):
        return []
    own = _names(form).keys() if form else frozenset()
    items = _safety_items(catalogue.all())
    names = {known for name in answers for known in (fold(name), _item_name(name)) if known in items} - own
    codes = {code for name in names for code in items[name]}
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

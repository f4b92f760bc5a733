"""Every safety item of the catalogue in every spelling: a positive answer is found, a plain no never."""

import itertools
from typing import Any

import pytest

from tests import factories
from tracker.instruments import catalogue
from tracker.instruments.alert_rules import UNREADABLE
from tracker.instruments.definition import InstrumentDefinition
from tracker.sync import item_names, safety

FORMS = {form.code: form for form in catalogue.all() if form.safety}
NO = ["0", False, "no", "No ", "Not at all"]
UNCLEAR = [True, "yes", "often", 99, -1, [3], {"value": 3}, "", "3"]


def names(form: InstrumentDefinition, link_id: str) -> list[str]:
    bare = link_id.lstrip("/")
    spellings = [link_id, bare, f"//{bare}", bare.upper(), bare.replace("-", ""), bare.replace("-", "\u2011"),
                 bare.replace("_", " "), bare.replace("_", "-"), bare.title(), f"{bare}\u200b", f" {bare} ",
                 f"http://loinc.org|{bare}", f"{form.code}/{bare}", f"urn:x:{bare}"]  # fmt: skip
    return list(dict.fromkeys(spellings))


def numbers(form: InstrumentDefinition, link_id: str) -> list[str]:
    n = form.item[link_id].n
    return (
        []
        if n is None
        else [f"{n}", f"Q{n}", f"q{n}", f"item_{n}", f"{form.code}_{n}", f"\uff11{n}"[1:], f"X.{n}"]
    )


def wrapped(form: InstrumentDefinition, name: str, answer: Any) -> list[dict[str, Any]]:
    """The answer by its item's name, in the shapes that phones and other systems send."""
    about = {"instrument": form.code, "version": form.version}
    fhir = {"linkId": name, "answer": [{"valueInteger": answer}]}
    return [
        *({"data": about | {word: {name: answer}}} for word in ("answers", "Answers", "responses", "values")),
        {"data": about | {"answers": [{"linkId": name, "value": answer}]}},
        {"data": about | {"answers": [[name, answer]]}},
        {"data": about | {name: answer}},
        {"data": about | {"item": [fhir]}},
        {"payload": about | {"answers": {name: answer}}},
        {"data": [about | {"answers": {name: answer}}]},
        about | {"answers": {name: answer}},
    ]


def found(record: dict[str, Any]) -> set[str]:
    whole = factories.record("response", {}) | record
    return {finding.rule for finding in safety.scan_deep(whole, factories.MONDAY, safety.Deadline())}


def items(form: InstrumentDefinition) -> dict[str, tuple[str, float]]:
    """Each item with a rule of its own, the rule, and the least answer that meets it."""
    return {
        rule.when.item: (rule.id, rule.when.at_least)
        for rule in form.safety
        if rule.when.item and rule.when.at_least is not None
    }


@pytest.mark.parametrize("code", FORMS)
def test_the_safety_scan_finds_every_safety_item_in_every_spelling(code):
    form, missed = FORMS[code], []
    for link_id, (rule, least) in items(form).items():
        for name in (*names(form, link_id), *numbers(form, link_id)):
            missed += [record for record in wrapped(form, name, least) if rule not in found(record)]

    assert missed == []


@pytest.mark.parametrize("code", FORMS)
def test_the_safety_scan_finds_whatever_is_no_plain_no(code):
    form = FORMS[code]
    missed = [
        record
        for link_id in items(form)
        if form.item[link_id].safety
        for answer in UNCLEAR
        for record in wrapped(form, link_id, answer)
        if not found(record)
    ]

    assert missed == []


@pytest.mark.parametrize("code", FORMS)
def test_the_safety_scan_finds_nothing_in_a_plain_no(code):
    form, alarms = FORMS[code], []
    for link_id, (_, least) in items(form).items():
        answers = itertools.cycle([*NO, least - 1])
        for name in (*names(form, link_id), *numbers(form, link_id)):
            for answer in itertools.islice(answers, 2):
                alarms += [(one, found(one)) for one in wrapped(form, name, answer) if found(one)]

    assert alarms == []


def test_an_answer_that_nobody_can_assign_is_unreadable_and_one_of_another_form_is_not():
    for form in FORMS.values():
        about = {"instrument": form.code, "version": form.version}
        assert found({"data": about | {"answers": {"foo": 3}}}) == {UNREADABLE}
    assert found({"data": {"instrument": "gad-7", "version": "2006", "answers": {"foo": 3}}}) == set()


@pytest.mark.parametrize(
    "data",
    [
        {"instrument": "phq-9", "answers": [["/44260-8", 3], ["/44260-8", 0]]},
        {"instrument": "phq-9", "answers": [{"linkId": "9", "value": 3}, {"linkId": "9", "value": 0}]},
        {
            "questionnaire": "http://example.org/phq-9|1999",
            "item": [{"linkId": "9", "answer": [{"valueInteger": 3}]}],
        },
        {"code": "phq-9", "answers": {"9": 3}},
        {
            "instrument": "phq-9",
            "answers": {"Thoughts that you would be better off dead, or of hurting yourself in some way": 3},
        },
    ],
)
def test_the_safety_scan_reads_each_of_several_answers_other_fields_for_the_form_and_the_text_of_an_item(
    data,
):
    assert "phq9_item9" in found({"data": data})


def test_names_of_no_end_are_kept_in_no_memory():
    form, before = FORMS["phq-9"], item_names._link_id.cache_info().currsize

    for n in range(10):
        assert item_names.link_id(form, f"{n}" * 100_000) is None

    assert item_names._link_id.cache_info().currsize == before


def names_of_form(form: InstrumentDefinition) -> list[str]:
    title = form.title["en"]
    panels = [form.codes.panel, f"http://loinc.org|{form.codes.panel}"] if form.codes.panel else []
    return [
        f"{form.code}/{form.version}", f"http://x.org/{form.code}/{form.version}", f"{form.code}-nl",
        f"{form.code.replace('-', '')}_v2", f"{form.code.upper()} (NL)", f"{form.code.upper()} v{form.version}", title,
        title[:-2], *panels,
    ]  # fmt: skip


@pytest.mark.parametrize("code", FORMS)
def test_the_safety_scan_finds_a_numbered_answer_under_a_name_of_the_form_that_is_not_known(code):
    form, missed = FORMS[code], []
    for link_id, (rule, least) in items(form).items():
        n = form.item[link_id].n
        for name, item in itertools.product(names_of_form(form), () if n is None else (f"{n}", f"q{n}")):
            record = {"data": {"instrument": name, "version": "1", "answers": {item: least}}}
            if not found(record) & {rule, UNREADABLE}:
                missed.append((name, item))

    assert missed == []


@pytest.mark.parametrize("name", ["phq-2", "gad-7", "PHQ-15", "peg", "promis", "who-5", "diary", "x", "day"])
def test_the_safety_scan_takes_no_other_form_for_one_with_a_safety_item(name):
    record = {"data": {"instrument": name, "version": "1", "answers": {"9": 3, "q1": 2}}}

    assert found(record) == set()


@pytest.mark.parametrize("depth", [40, 20_000])
def test_version_that_is_nested_without_end_hides_no_positive_answer(depth):
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    data = {"instrument": "phq-9", "version": nested, "answers": dict.fromkeys(factories.PHQ9_ITEMS, 0)}
    data["answers"] |= {factories.PHQ9_ITEMS[8]: 2}
    item = {"kind": "response", "id": "0196f0a1-0000-7000-8000-000000000001", "data": data}

    findings = safety.scan(item, factories.MONDAY, safety.Deadline())

    assert "phq9_item9" in {finding.rule for finding in findings}

"""A clinic's own questionnaire: every mistake is told, with its line, in words."""

from pathlib import Path

import pytest
import yaml

from tests.servers import ROOT
from tracker.instruments import parsing

GOOD = """\
schema: 1
id: own
version: "1"
title: {en: Our own}
terms: {status: project_authored, wording_may_ship: true, text: ours, src: [us]}
recall: {days: 7}
items:
  - {linkId: a, n: 1, range: [0, 3], text: {en: First}}
  - {linkId: b, n: 2, range: [0, 3], text: {en: Second}}
scoring:
  version: "1"
  src: [us]
  scores:
    - name: own
      label: {en: Our own}
      rule: sum
      range: [0, 6]
      direction: higher_worse
      family: other
      missing: {src: [us]}
      src: [us]
cadence: {recommended: weekly, src: [us]}
category: mood
sources:
  us: {cite: the clinic itself, grade: general}
"""


KINDS = "must be one of 'sum', 'mean', 'tiers', 'branches', 'count', 'worst', 'marks' or 'areas'"


def safety(when: str, more: str = "label: Ours, ") -> str:
    """A safety rule with this condition, before the cadence."""
    return f"safety: [{{id: r, {more}when: {when}, level: urgent, src: [us]}}]\ncadence:"


def mistakes(text: str) -> list[str]:
    with pytest.raises(parsing.InvalidFile) as caught:
        parsing.read(text)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_good_file_becomes_a_form():
    form = parsing.read(GOOD)

    assert (form.code, form.version, form.scored, form.languages) == ("own", "1", ("a", "b"), ("en",))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("[0, 6]", "[0, 7]", "line 17: scoring.scores[1].range: says [0, 7], but the items give 0 to 6"),
        (
            "linkId: b",
            "linkId: stem",
            "line 9: items[2].linkId: 'stem' is what stands above the items; choose another",
        ),
        ("category: mood\n", "", "line 1: category: is missing"),
        (
            "category: mood",
            "category: sleep",
            "line 23: category: must be one of 'pain', 'mood', 'medication' or 'treatment'",
        ),
        (
            "title: {en: Our own}",
            "title: {nl: Van ons}",
            "line 4: title: needs en, the language that staff read; others may stand beside it",
        ),
        (
            "label: {en: Our own}",
            "label: {nl: Van ons}",
            "line 15: scoring.scores[1].label: lacks the language en, which the title has",
        ),
        (
            "range: [0, 3], text: {en: First}",
            "options: [{value: 0, label: {en: no}}], text: {en: First}",
            "line 8: items[1].options[1].label.en: must be text; "
            "put it in quotes if it looks like a number, a date or yes/no",
        ),
        (
            "range: [0, 3], text: {en: First}",
            "options: [{valu: 0}], text: {en: First}",
            "line 8: items[1].options[1].value: is missing",
        ),
        ("linkId: b", "linkId: a", "line 9: items[2].linkId: 'a' names more than one item"),
        ("n: 2", "n: 1", "line 9: items[2].n: 1 names more than one item"),
        (
            "n: 1, range: [0, 3]",
            "n: 1, range: [3, 0]",
            "line 8: items[1].range: the lower end must be below the upper end",
        ),
        (
            "range: [0, 3], text: {en: First}",
            "text: {en: First}",
            "line 8: items[1]: needs exactly one of options, range or recorded_as",
        ),
        (
            "range: [0, 3], text: {en: First}",
            "options: x, text: {en: First}",
            "line 8: items[1].options: there is no option set 'x'",
        ),
        (
            ", text: {en: First}",
            "",
            "line 8: items[1]: has no text, though the terms allow shipping the wording",
        ),
        (
            "text: {en: First}",
            "text: {nl: Eerste}",
            "line 8: items[1].text: lacks the language en, which the title has",
        ),
        ("text: {en: First}", "txt: {en: First}", "line 8: items[1].txt: is not a key that belongs here"),
        (
            "wording_may_ship: true",
            "wording_may_ship: false",
            "line 8: items[1].text: the terms do not allow shipping the wording: leave text out",
        ),
        (
            "wording_may_ship: true",
            "wording_may_ship: perhaps",
            "line 5: terms.wording_may_ship: must be true or false",
        ),
        (
            'version: "1"\ntitle',
            "version: 1\ntitle",
            "line 3: version: must be text; put it in quotes if it looks like a number, a date or yes/no",
        ),
        (
            "rule: sum",
            "rule: total",
            f"line 16: scoring.scores[1].rule: {KINDS}",
        ),
        ("name: own", "name: other", "line 14: scoring.scores[1].name: must be 'own' or start with 'own.'"),
        (
            "missing: {src: [us]}",
            "missing: {src: []}",
            "line 20: scoring.scores[1].missing.src: names no source",
        ),
        (
            "recommended: weekly, src: [us]",
            "recommended: weekly, src: [them]",
            "line 22: cadence.src: there is no source 'them'",
        ),
        (
            "missing: {src: [us]}",
            "missing: {prorate_up_to: 2, src: [us]}",
            "line 20: scoring.scores[1].missing: cannot do without every answer",
        ),
        ("recall: {days: 7}\n", "", "line 1: recall: is missing"),
        (
            "recall: {days: 7}",
            "recall: {days: 7}\nrecall: {days: 8}",
            "line 7: recall: stands twice; keep one",
        ),
        ("recall: {days: 7}", "recall: {days: '7'}", "line 6: recall.days: must be a whole number"),
        (
            "family: other",
            "family: other\n      items: [a, c]",
            "line 14: scoring.scores[1]: there is no item 'c'",
        ),
        (
            "family: other",
            "family: other\n      bands: [{min: 3, label: x}, {min: 0, label: y}]\n      bands_src: [us]",
            "line 20: scoring.scores[1].bands: bands must rise, and none may start where another does",
        ),
        (
            "family: other",
            "family: other\n      bands: [{min: 0, max: 2, label: x}, {min: 4, label: y}]\n      bands_src: [us]",
            "line 20: scoring.scores[1].bands[2]: must start right after 2",
        ),
        (
            "family: other",
            "family: other\n      bands: [{min: 0, label: x}]",
            "line 14: scoring.scores[1].bands_src: names no source",
        ),
        ("scoring:\n", "scoring:\n  main: x\n", "line 11: scoring.main: there is no score 'x'"),
        (
            "cadence:",
            safety("{item: c, at_least: 1}"),
            "line 22: safety[1].when: there is no item 'c' with a number",
        ),
        (
            "cadence:",
            safety("{item: a}"),
            "line 22: safety[1].when: needs at_least",
        ),
        (
            "cadence:",
            safety('{history: "a rise of 4 or more"}'),
            "line 22: safety[1].when.history: is not a key that belongs here",
        ),
        ("cadence:", safety("{}"), "line 22: safety[1].when: needs exactly one of item, score or tier"),
        ("cadence:", safety("{tier: high}"), "line 22: safety[1].when: there is no tier 'high'"),
        (
            "cadence:",
            safety("{score: x, at_least: 1}"),
            "line 22: safety[1].when: there is no score 'x' with a number",
        ),
        (
            "cadence:",
            safety("{item: a, at_least: 99}"),
            "line 22: safety[1].when: item 'a' never reaches 99",
        ),
        (
            "cadence:",
            safety("{item: a, at_least: 1}", more=""),
            "line 22: safety[1].label: is missing",
        ),
        (
            "n: 2, range",
            "n: 2, safety: true, range",
            "line 9: items[2].safety: no safety rule says what this item raises",
        ),
        (
            "n: 2, range",
            "n: 2, reverse: true, recode: {0: 0, 1: 1, 2: 2, 3: 3}, range",
            "line 9: items[2]: reverse and recode exclude each other",
        ),
        (
            "n: 2, range",
            "n: 2, recode: {0: 0, 1: 1, 2: 2}, range",
            "line 9: items[2].recode: must say what each answer becomes, and no other",
        ),
        (
            "n: 2, range",
            "n: 2, asked_when: {item: z, equals: 1}, range",
            "line 9: items[2].asked_when: there is no item 'z'",
        ),
        (
            "n: 2, range",
            "n: 2, loinc: LA1-2, range",
            "line 9: items[2].loinc: does not have the form ^[0-9]+-[0-9]$",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(before, after, told):
    assert before in GOOD

    assert told in mistakes(GOOD.replace(before, after, 1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: a questionnaire starts with keys such as 'id:' and 'items:'"),
        ("- a\n- b\n", "line 1: a questionnaire starts with keys such as 'id:' and 'items:'"),
        ("id: own\nitems: [a,\n", "line 3: this is not YAML: did not find expected node content"),
        ("a: \x00", "line 1: this is not YAML: a character is not allowed in it"),
        ("a: &x [*x]", "line 1: a value cannot be read: it holds itself, or is nested too deep"),
        ("? [a]\n: b\n", "line 1: a value cannot be read: a key must be a plain word"),
    ],
)
def test_what_is_no_questionnaire_is_told_too(text, told):
    assert mistakes(text) == [told]


def test_every_mistake_is_told_at_once_in_the_order_of_lines():
    text = GOOD.replace("days: 7", "days: x").replace("rule: sum", "rule: total").replace("n: 1", "n: []")

    lines = [int(mistake.split(":")[0].removeprefix("line ")) for mistake in mistakes(text)]

    assert lines == [6, 8, 16]


def test_the_fingerprint_is_of_the_content_not_of_its_layout():
    turned = "\n".join(reversed(GOOD.split("\n")[:4])) + "\n" + "\n".join(GOOD.split("\n")[4:])

    same = parsing.content_hash(parsing.read(GOOD).document)

    assert parsing.content_hash(parsing.read(turned).document) == same
    assert parsing.content_hash(parsing.read(GOOD.replace("First", "Frst")).document) != same


def test_what_is_fetched_from_elsewhere_in_yaml_is_not_run():
    assert mistakes(GOOD + "x: !!python/object/apply:os.getcwd []\n") != []


def test_two_safety_rules_of_one_name_are_refused():
    rule = "{id: r, label: Ours, when: {item: a, at_least: 1}, level: urgent, src: [us]}"

    assert mistakes(GOOD.replace("cadence:", f"safety: [{rule}, {rule}]\ncadence:")) == [
        f"line 22: safety[{n}].id: 'r' names more than one rule" for n in (1, 2)
    ]


YAML_FILES = sorted((ROOT / "tracker").rglob("*.yaml"))


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_a_yaml_file_of_the_product_is_the_same_with_libyaml_and_without(path: Path):
    text = path.read_text(encoding="utf-8")

    assert yaml.load(text, yaml.SafeLoader) == yaml.load(text, yaml.CSafeLoader)


def test_every_yaml_file_of_the_catalogue_was_looked_at():
    assert len([path for path in YAML_FILES if path.parent.name == "catalogue"]) >= 20


def test_a_questionnaire_that_only_libyaml_reads_is_told_with_its_line():
    text = GOOD.replace("{en: First}", "{en: How are you?}")
    parsing.read(text)

    with pytest.raises(parsing.InvalidFile, match="line 8: not every machine can read this"):
        parsing.check_portable(text)
    parsing.check_portable(GOOD)

"""From the shell: scores for lines of answers, checks of a questionnaire, a clinic's own wording."""

import io
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.instruments.filled import adding_up_to, phq
from tests.rls_context import as_clinic
from tracker.audit.models import AuditEvent
from tracker.instruments import actions, catalogue, parsing, wording
from tracker.instruments.models import Offer, Permission, Version
from tracker.instruments.wording import Wording

CLINIC = uuid.UUID(int=7)


def score(tmp_path: Path, instrument: str, *lines: object, **options: Any) -> list[dict[str, Any]]:
    path = tmp_path / "answers.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    out = io.StringIO()
    call_command("score", instrument, str(path), stdout=out, **options)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_a_complete_phq_9_is_one_line_in_and_one_line_out(tmp_path):
    assert score(tmp_path, "PHQ-9", {"answers": adding_up_to("phq-9", 15)}) == [
        {
            "instrument": "phq-9",
            "version": "1999",
            "status": "complete",
            "score": 15,
            "band": "moderately severe",
            "answered": 9,
            "prorated": False,
            "flags": [],
            "errors": [],
        }
    ]


def test_every_line_is_answered_in_order_and_a_bad_one_stops_none(tmp_path):
    answered = score(
        tmp_path,
        "phq-9@1999",
        {"answers": phq(0, 0, 0, 0, 0, 0, 0, 0, 0)},
        b"",
        b"nonsense",
        b'{"answers": {"1": 1e400}}',
        b"[]",
        {"answers": []},
        {"answers": {}, "total": 3},
        {"answers": phq(3, 3, 3, 3, 3, 3, 3, 3, 3), "stated_total": 27},
    )

    assert [(line["status"], line["score"]) for line in answered] == [
        ("complete", 0), ("invalid", None), ("invalid", None), ("invalid", None), ("invalid", None), ("invalid", None),
        ("complete", 27),
    ]  # fmt: skip
    assert [line["errors"][0]["code"] for line in answered[1:6]] == [
        "bad_json", "number_not_finite", "wrong_type", "wrong_type", "unknown_field",
    ]  # fmt: skip


def test_eight_of_nine_answers_name_the_ninth(tmp_path):
    (line,) = score(tmp_path, "phq-9", {"answers": {str(n): 3 for n in range(1, 9)}})

    assert (line["status"], line["score"], line["band"], line["answered"]) == ("incomplete", None, None, 8)
    assert [(error["item"], error["code"]) for error in line["errors"]] == [("/44260-8", "missing")]


def test_eight_of_nine_answers_can_be_prorated_on_request(tmp_path):
    (line,) = score(tmp_path, "phq-9", {"answers": {str(n): 2 for n in range(1, 9)}}, prorate=True)

    assert (line["status"], line["score"], line["prorated"]) == ("incomplete", 18, True)


def test_an_item_that_stands_twice_is_named_and_a_positive_safety_answer_is_still_found(tmp_path):
    (line,) = score(tmp_path, "phq-9", b'{"answers": {"1": 1, "1": 2, "9": 1}}')

    assert (line["status"], line["flags"]) == ("invalid", ["phq9_item9"])
    assert [(error["item"], error["code"]) for error in line["errors"]] == [("1", "duplicate")]


def test_a_stated_total_that_does_not_recompute_is_flagged(tmp_path):
    (line,) = score(tmp_path, "phq-9", {"answers": adding_up_to("phq-9", 15), "stated_total": 16})

    assert (line["score"], line["flags"]) == (15, ["stated_total_differs"])


def test_scores_beside_the_main_one_have_names(tmp_path):
    (line,) = score(tmp_path, "PCL-5", {"answers": {f"q{n:02d}": 1 for n in range(1, 21)}})

    assert (line["score"], line["scores"]) == (20, {"B": 5, "C": 2, "D": 7, "E": 6})


def test_a_form_of_many_scores_gives_each_with_its_t_score(tmp_path):
    (line,) = score(tmp_path, "PROMIS-29", {"answers": {"25": 3, "26": 3, "27": 3, "28": 3, "29": 6}})

    assert (line["status"], line["score"]) == ("incomplete", None)
    assert line["scores"] == {"pain_interference": 12, "pain_intensity": 6}
    assert (line["t"], line["se"]) == ({"pain_interference": 61.2}, {"pain_interference": 1.8})
    assert line["band"] == {"pain_interference": "moderate"}


def test_a_tier_is_a_band_and_no_number(tmp_path):
    (line,) = score(tmp_path, "c-ssrs-screener", {"answers": {"1": 0, "2": 0, "6": 1, "6b": 1}})

    assert (line["status"], line["score"], line["band"]) == ("complete", None, "high")
    assert line["flags"] == ["cssrs_high"]


def test_an_unknown_instrument_is_answered_with_those_there_are(tmp_path):
    with pytest.raises(CommandError, match=r"no instrument 'phq-10'.* phq-9"):
        score(tmp_path, "phq-10")


def test_a_file_that_is_not_there_is_one_clear_sentence(tmp_path):
    with pytest.raises(CommandError, match=r"cannot be read: No such file"):
        call_command("score", "phq-9", str(tmp_path / "nowhere"))


def test_lines_can_come_by_standard_input():
    ran = subprocess.run(
        [sys.executable, "manage.py", "score", "GAD-7", "-"],
        input=json.dumps({"answers": {str(n): 2 for n in range(1, 8)}}).encode(),
        capture_output=True,
        env=os.environ,
        cwd=Path(__file__).parents[2],
        check=True,
    )

    assert json.loads(ran.stdout)["score"] == 14


def test_the_check_tells_every_mistake_with_file_and_line(tmp_path, capsys):
    good = catalogue.FOLDER / "peg.2009.yaml"
    bad = tmp_path / "own.yaml"
    bad.write_text(good.read_text(encoding="utf-8").replace("rule: mean", "rule: median"), encoding="utf-8")

    with pytest.raises(CommandError, match="1 of 2 cannot be used yet"):
        call_command("check_questionnaire", str(good), str(bad))

    out = capsys.readouterr().out
    assert f"{good}: peg@2009 is good: 3 items." in out
    assert f"{bad}: line 27: scoring.scores[1].rule: must be one of" in out


@pytest.mark.parametrize(("content", "told"), [(b"\xff\xfe", "is not UTF-8 text"), (None, "cannot be read")])
def test_the_check_says_what_no_file_can_be(tmp_path, capsys, content, told):
    path = tmp_path / "own.yaml"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CommandError):
        call_command("check_questionnaire", str(path))

    assert told in capsys.readouterr().out


WORDING = """\
instrument: who-5
version: "2024"
granted_by: the rights holder, by letter
granted_on: 2026-01-05
stem: {en: Over the last two weeks}
items:
  q1: {text: {en: First}, options: {}}
  q2: {text: {en: Second}}
  q3: {text: {en: Third}}
  q4: {text: {en: Fourth}}
  q5: {text: {en: Fifth}}
"""


def load(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wording.yaml"
    path.write_text(text, encoding="utf-8")
    call_command("load_wording", str(path), clinic=str(CLINIC))


@pytest.mark.django_db
def test_a_clinic_loads_the_wording_that_it_may_use(tmp_path, capsys):
    load(WORDING, tmp_path)

    assert "who-5@2024 may now be offered; granted by the rights holder, by letter on 2026-01-05." in (
        capsys.readouterr().out
    )
    with as_clinic(CLINIC):
        permission = Permission.objects.get()
        content = wording.worded(permission.version.content, permission.wording)
        assert [item["text"]["en"] for item in content["items"]] == [
            "First",
            "Second",
            "Third",
            "Fourth",
            "Fifth",
        ]
        assert content["stem"] == {"en": "Over the last two weeks"}
        assert str(permission.granted_on) == "2026-01-05"
        assert AuditEvent.objects.get(action="wording.load").subject == "version/who-5@2024"


@pytest.mark.django_db
def test_a_later_file_replaces_an_earlier_one(tmp_path):
    load(WORDING, tmp_path)
    load(WORDING.replace("First", "1st"), tmp_path)

    with as_clinic(CLINIC):
        assert Permission.objects.get().wording["items"]["q1"]["text"] == {"en": "1st"}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ("granted_by: the rights holder, by letter\n", "", "granted_by: is missing"),
        ("granted_on: 2026-01-05\n", "", "granted_on: is missing"),
        ("granted_on: 2026-01-05", "granted_on: soon", "line 4: granted_on"),
        ("  q5: {text: {en: Fifth}}\n", "", "item 'q5' has no wording"),
        ("q5:", "q6:", "there is no item 'q6' in who-5"),
        ("{en: Fifth}", "{nl: Vijfde}", "no language has the text of every item"),
        ("instrument: who-5", "instrument: who-6", "The catalogue has no who-6@2024"),
        (
            "options: {}",
            "options: {9: {en: x}}",
            "item 'q1' has a label for an answer that it does not offer",
        ),
    ],
)
def test_a_wording_that_does_not_fit_is_refused_in_words(tmp_path, before, after, told):
    with pytest.raises(CommandError) as caught:
        load(WORDING.replace(before, after), tmp_path)

    assert told in str(caught.value)
    with as_clinic(CLINIC):
        assert not Permission.objects.exists()


def test_an_instrument_that_ships_its_wording_takes_no_other():
    given = Wording.model_validate(
        {"instrument": "pgic", "version": "7-point", "granted_by": "x", "granted_on": "2026-01-05",
         "items": {"pgic": {"text": {"en": "Other"}}}}
    )  # fmt: skip

    assert wording.faults(catalogue.latest("pgic"), given) == [
        "pgic ships with its wording; it takes no other"
    ]


@pytest.mark.django_db
def test_a_clinic_offers_what_it_may_and_nothing_else():
    who5: dict[str, Any] = {
        "clinic_id": CLINIC,
        "code": "who-5",
        "version": "2024",
        "actor": "user/eve",
        "at": factories.MONDAY,
    }
    with as_clinic(CLINIC):
        with pytest.raises(actions.NotLicensedError, match="no permission for the wording of who-5@2024"):
            actions.offer(**who5)
        assert not Offer.objects.exists()
        actions.load_wording(
            clinic_id=CLINIC, given=parsing.read_as(Wording, WORDING), actor="user/eve", at=factories.MONDAY
        )
        actions.offer(**who5)
        actions.offer(**who5)
        actions.offer(**(who5 | {"code": "phq-9", "version": "1999"}))

        assert set(Offer.objects.values_list("version__instrument", flat=True)) == {"who-5", "phq-9"}
        assert AuditEvent.objects.filter(action="instrument.offer").count() == 2


@pytest.mark.django_db
def test_what_is_not_published_cannot_be_offered():
    with as_clinic(CLINIC), pytest.raises(Version.DoesNotExist):
        actions.offer(clinic_id=CLINIC, code="phq-9", version="2999", actor="user/eve", at=factories.MONDAY)

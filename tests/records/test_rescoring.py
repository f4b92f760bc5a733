"""A changed scoring version: what would change is said first, then written beside what was."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from tests import factories
from tests.phone import Phone
from tests.records.test_capacity_guard import give_dose
from tests.rls_context import as_clinic
from tests.servers import ROOT, wait_until
from tracker.audit.models import AuditEvent
from tracker.clinics.models import Clinic, Patient
from tracker.instruments import catalogue
from tracker.instruments import measures as instrument_measures
from tracker.lib import rls
from tracker.progress import actions as progress
from tracker.records import measures
from tracker.records.kinds.questionnaire import Score
from tracker.records.models import MeasureState, Observation

PHQ9 = catalogue.FOLDER / "phq-9.1999.yaml"
# Item 9 is the last of the nine; turned round it counts 3 for 0, so that every total moves.
CHANGED = {
    'version: "1999"': 'version: "1999-2"\ncorrects: ["1999"]',
    '  version: "1"': '  version: "2"',
    "options: frequency, safety: true": "options: frequency, reverse: true, safety: true",
}


def corrected(folder: Path, changes: dict[str, str] = CHANGED) -> Path:
    """A folder with a PHQ-9 that counts otherwise than the product's."""
    text = PHQ9.read_text(encoding="utf-8")
    for before, after in changes.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    folder.mkdir(exist_ok=True)
    (folder / "phq-9.1999-2.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def correct(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Publish the corrected PHQ-9 from a clinic's own folder, when called."""

    def forget() -> None:
        catalogue.clear_cache()
        instrument_measures.all.cache_clear()
        measures.all.cache_clear()

    def publish(changes: dict[str, str] = CHANGED) -> None:
        monkeypatch.setattr(catalogue, "_also", [corrected(tmp_path / "own", changes)])
        forget()

    yield publish
    monkeypatch.undo()
    forget()


def rescore(*arguments: str) -> str:
    out = io.StringIO()
    call_command("rescore", *arguments, stdout=out)
    return out.getvalue()


def filled(n: int, **more: Any) -> dict[str, Any]:
    """A PHQ-9 of day ``n`` whose total is ``n``, item 9 unmarked."""
    values = [min(3, max(0, n - 3 * item)) for item in range(8)]
    return factories.phq9(
        [*values, 0], recorded_at=(factories.MONDAY + timedelta(days=n)).isoformat(), **more
    )


def scores(patient: Patient) -> list[tuple[str, float, str]]:
    with transaction.atomic(), rls.as_patient(patient.clinic_id, patient.pk):
        rows = Score.objects.order_by("made_at", "id")
        return list(rows.values_list("scoring_version", "value", "band"))


def on_timeline(patient: Patient) -> list[tuple[float, str]]:
    with transaction.atomic(), rls.as_patient(patient.clinic_id, patient.pk):
        rows = Observation.objects.filter(measure="phq-9").order_by("at")
        return list(rows.values_list("value", "band"))


def last(patient: Patient) -> float:
    with transaction.atomic(), rls.as_patient(patient.clinic_id, patient.pk):
        return MeasureState.objects.get(measure="phq-9").last


def test_under_an_unchanged_scoring_version_there_is_nothing_to_do(world):
    Phone(world.ada.user).push(filled(4), factories.pain(6), factories.phq9([1] * 8 + [None]))

    assert rescore("--apply") == "Nothing to do: every score stands under the present scoring version.\n"
    assert [version for version, _, _ in scores(world.ada)] == ["1"]


def test_rescoring_reports_what_would_change_before_anything_changes(world, correct):
    Phone(world.ada.user).push(filled(4), filled(12))
    Phone(world.gus.user).push(filled(20), factories.phq9([1] * 8 + [None]))
    correct()

    told = rescore()

    assert told == (
        "phq-9@1999: scoring version 1 -> 2: 3 responses, 3 new scores; on the timeline 3 values differ,"
        " by up to 3; 0 are new, 0 go.\n"
        "Nothing was changed. Run again with --apply to write the new scores.\n"
    )
    assert scores(world.ada) == [("1", 4, "minimal"), ("1", 12, "moderate")]
    assert on_timeline(world.gus) == [(20, "severe")]


def test_rescoring_keeps_the_old_scores_and_the_timeline_follows_the_new(world, correct):
    Phone(world.ada.user).push(filled(4), filled(12), factories.pain(6))
    Phone(world.gus.user).push(filled(20))
    correct()

    told = rescore("--apply")

    assert told.endswith("Done: 3 scores written for 2 patients; the old ones are kept.\n")
    assert scores(world.ada) == [("1", 4, "minimal"), ("1", 12, "moderate"), ("2", 7, "mild"),
                                 ("2", 15, "moderately severe")]  # fmt: skip
    assert on_timeline(world.ada) == [(7, "mild"), (15, "moderately severe")]
    assert (last(world.ada), last(world.gus)) == (15, 23)
    with rls.as_patient(world.clinic.pk, world.ada.pk):
        assert Observation.objects.get(measure="pain.intensity").value == 6
    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="scores.recompute")
        assert (event.patient, event.detail) == (world.ada.pk, {"responses": 2, "scores": 2})
    assert rescore("--apply").startswith("Nothing to do")


def test_a_correction_that_is_taken_back_puts_the_old_scores_on_the_timeline_again(world, correct):
    Phone(world.ada.user).push(filled(4))
    correct()
    rescore("--apply")
    catalogue._also.clear()
    catalogue.clear_cache()

    told = rescore("--apply")

    assert "scoring version 2 -> 1: 1 responses, 0 new scores; on the timeline 1 values differ" in told
    assert (on_timeline(world.ada), last(world.ada)) == ([(4, "minimal")], 4)
    assert [version for version, _, _ in scores(world.ada)] == ["1", "2"]


def test_summaries_are_made_again_after_rescoring(world, correct):
    phone = Phone(world.ada.user)
    phone.push(filled(4))
    later = factories.MONDAY + timedelta(days=20)
    progress.refresh_stale(at=later)
    assert progress.refresh_stale(at=later) == 0
    correct()

    rescore("--apply")

    assert progress.refresh_stale(at=later) == 1


def test_an_answer_that_was_amended_or_removed_keeps_the_scores_it_had(world, correct):
    phone = Phone(world.ada.user)
    first, removed = filled(4), filled(9)
    phone.push(first, removed)
    phone.push(filled(6, id=first["id"], revision=2))
    phone.push(
        {name: value for name, value in removed.items() if name != "data"} | {"revision": 2, "removed": True}
    )
    correct()

    rescore("--apply")

    assert sorted(scores(world.ada)) == [
        ("1", 4, "minimal"), ("1", 6, "mild"), ("1", 9, "mild"), ("2", 9, "mild"),
    ]  # fmt: skip
    assert on_timeline(world.ada) == [(9, "mild")]


def test_one_instrument_can_be_rescored_alone(world, correct):
    Phone(world.ada.user).push(filled(4))
    correct()

    assert rescore("--instrument", "GAD-7").startswith("Nothing to do")
    assert "3 responses" not in rescore("--instrument", "phq-9@1999-2")
    assert "1 responses" in rescore("--instrument", "PHQ-9")
    assert "1 responses" in rescore("--instrument", "phq-9@1999")
    with pytest.raises(CommandError, match="no instrument 'phq-10'"):
        rescore("--instrument", "phq-10")


def test_a_rule_changed_without_its_version_is_told_and_left_alone(world):
    Phone(world.ada.user).push(filled(4))
    with rls.as_patient(world.clinic.pk, world.ada.pk):
        Score.objects.update(value=5)

    told = rescore("--apply")

    assert (
        "phq-9@1999: 1 responses score otherwise under the same scoring version; they are left alone" in told
    )
    assert [value for _, value, _ in scores(world.ada)] == [5]


def test_answers_to_a_form_that_was_removed_are_reported_and_left_alone(world, correct):
    own = {'version: "1999"': 'version: "own"'}
    correct(own)
    sent = filled(4)
    sent["data"]["version"] = "own"
    Phone(world.ada.user).push(sent)
    catalogue._also.clear()
    catalogue.clear_cache()

    told = rescore("--apply")

    assert "phq-9@own: 1 responses are left alone; the catalogue has no such form." in told
    assert len(scores(world.ada)) == 1


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({'version: "1999"': 'version: "2"\ncorrects: ["1850"]'}, "no former version"),
        ({'version: "1999"': 'version: "2"\ncorrects: ["2"]'}, "no former version"),
        ({'version: "1999"': 'version: "2"\ncorrects: ["1999"]'}, "under the same scoring version"),
        (CHANGED | {"Several days": "Some days"}, "asks something else"),
        (CHANGED | {"Feeling tired or having little energy": "Feeling tired"}, "asks something else"),
    ],
)
def test_a_correction_changes_only_how_answers_count(correct, changes, told):
    correct(changes)

    with pytest.raises(ValueError, match=told):
        catalogue.all()


def test_a_correction_leaves_the_published_version_as_it_was(correct):
    before = catalogue.get("phq-9", "1999").document
    correct()

    form = catalogue.get("phq-9", "1999")

    assert (form.version, form.scoring_version) == ("1999", "2")
    assert form.document == before
    assert catalogue.latest("phq-9").version == "1999-2"


def test_rescoring_killed_in_the_middle_goes_on_where_it_stopped(live, tmp_path):
    """Real processes: the second of three patients is half written when the command is killed."""
    patients = _three_patients(live.world)
    command = [sys.executable, "manage.py", "rescore", "--apply"]
    environment = os.environ | live.environment | {"OWN_CATALOGUE": str(corrected(tmp_path / "own"))}

    # Its last step is in our hands: the scores are written by then, the current values are not.
    with transaction.atomic(), rls.as_patient(patients[1].clinic_id, patients[1].pk):
        list(MeasureState.objects.select_for_update())
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                wait_until(
                    lambda: _waits_for_a_lock(live.environment), what="the wait for the second patient"
                )
            finally:
                os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not _waits_for_a_lock(live.environment), what="the end of the killed transaction")
    done = [sorted(version for version, _, _ in scores(patient)) for patient in patients]
    again = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    assert done == [["1", "2"], ["1"], ["1"]]
    assert "2 responses, 2 new scores" in again.stdout
    assert "Done: 2 scores written for 2 patients" in again.stdout
    assert [sorted(scores(patient)) for patient in patients] == [[("1", 4, "minimal"), ("2", 7, "mild")]] * 3
    assert [on_timeline(patient) for patient in patients] == [[(7, "mild")]] * 3
    assert [last(patient) for patient in patients] == [7] * 3


def _three_patients(world: factories.World) -> list[Patient]:
    """Three patients with a PHQ-9 each, in the order in which the command takes them."""
    patients = [world.ada, world.bea, world.gus]
    for patient in patients:
        assert Phone(patient.user).push(filled(4)).status_code == 200
    clinics = list(Clinic.objects.order_by("pk").values_list("pk", flat=True))
    return sorted(patients, key=lambda patient: (clinics.index(patient.clinic_id), patient.pk))


def _waits_for_a_lock(environment: dict[str, str]) -> bool:
    """Whether another process waits for a row that somebody else holds."""
    with psycopg.connect(environment["DATABASE_OWNER_URL"]) as connection:
        waiting = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
    assert waiting is not None
    return bool(waiting[0])


def test_answers_to_a_version_that_becomes_known_are_scored_and_pulled_again(world, correct):
    phone = Phone(world.ada.user)
    record = filled(4)
    record["data"] |= {"version": "1999-2", "reported_total": 4}
    phone.push(record)
    cursor = phone.get("sync/pull").json()["cursor"]

    assert "phq-9@1999-2: 1 responses are left alone" in rescore("--apply")
    correct({'version: "1999"': 'version: "1999-2"'})
    assert rescore("--apply").endswith("Done: 1 scores written for 1 patients; the old ones are kept.\n")

    (pulled,) = phone.get(f"sync/pull?cursor={cursor}").json()["records"]
    assert (pulled["revision"], pulled["data"]["status"]) == (1, "complete")
    assert [score["value"] for score in pulled["scoring"]["scores"]] == [4]
    assert pulled["scoring"]["reported_total"] == "agrees"
    assert on_timeline(world.ada) == [(4, "minimal")]
    # What became of its answers is no version of them.
    assert len(phone.get(f"records/{record['id']}/history").json()["versions"]) == 1
    assert rescore("--apply") == "Nothing to do: every score stands under the present scoring version.\n"


def test_rederiving_counts_unscored_answers_and_finds_no_difference_in_them(world, correct):
    record = filled(4)
    record["data"]["version"] = "1999-2"
    Phone(world.ada.user).push(record, filled(6))
    out = io.StringIO()
    correct({'version: "1999"': 'version: "1999-2"'})

    call_command("rederive", stdout=out)

    assert "1 responses to versions of instruments that are not known, or were not" in out.getvalue()
    assert "No difference." in out.getvalue()


def test_answers_within_a_capacity_guard_stay_marked_when_they_are_scored_again(world, correct):
    give_dose(world)
    soon = (factories.MONDAY + timedelta(hours=1)).isoformat()
    phone, scored, unscored = Phone(world.ada.user), *({**filled(n), "recorded_at": soon} for n in (6, 4))
    unscored["data"]["version"] = "1999-2"
    phone.push(scored, unscored)
    correct({'version: "1999"': 'version: "1999-2"'})
    rescore("--apply")

    rows = phone.get("observations?measure=phq-9").json()["observations"]
    assert {(row["capacity_guard"], row["counted"]) for row in rows} == {(True, False)}
    assert len(rows) == 2
    assert "No difference." in _rederived()


def _rederived() -> str:
    out = io.StringIO()
    call_command("rederive", stdout=out)
    return out.getvalue()

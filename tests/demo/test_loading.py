"""Filling the demo clinic: through the one way in, twice is once, and what goes wrong is said."""

import io
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from tests import factories, servers
from tests.rls_context import as_clinic
from tracker.accounts.models import User
from tracker.alerts.models import Alert
from tracker.clinics.models import Clinic, Patient
from tracker.demo import loading, people, simulate
from tracker.records import rebuild
from tracker.records.kinds import KINDS
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.medication_use import MedicationUse
from tracker.records.kinds.questionnaire import Response
from tracker.reminders.models import CheckIn
from tracker.treatment.models import TreatmentSession
from tracker.treatment.session_state import State

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)


def demo_clinic() -> UUID:
    return Clinic.objects.get(name=people.CLINIC).pk


def counts(who: simulate.Simulated) -> dict[str, int]:
    with as_clinic(demo_clinic()):
        patient = Patient.objects.get(user__email=who.email)
        derived = (TreatmentSession, Alert, CheckIn)
        found = {model.__name__: model._default_manager.filter(patient=patient).count() for model in derived}
        kinds = [kind.model._default_manager.filter(patient=patient).count() for kind in KINDS.values()]
        return found | {"records": sum(kinds)}


@pytest.mark.parametrize("number", [6, 9])
def test_a_simulated_patient_is_loaded_once(db, tmp_path: Path, number):
    people.prepare(tmp_path / "sign-ins.json", NOW.date())
    who = simulate.everybody()[number]

    assert loading._simulate(who, NOW)
    first = counts(who)
    assert not loading._simulate(who, NOW)

    assert counts(who) == first
    with as_clinic(demo_clinic()):
        enrolled_on = Patient.objects.get(user__email=who.email).enrolled_on
        # No clock ran ahead or differed from its zone, though one of them travelled.
        assert set(DailyLog.objects.values_list("clock_skew", "zone_check")) == {("none", "consistent")}
        held = TreatmentSession.objects.filter(state=State.COMPLETED).order_by("starts_at")
        days = held.values_list("local_date", flat=True)
        assert list(days) == [on for on, _ in simulate.sessions(who, enrolled_on)]
    assert first["records"] == sum(len(week) for week in simulate.weeks(who, enrolled_on))


def test_a_load_that_was_stopped_half_way_goes_on_where_it_stopped(db, tmp_path: Path, monkeypatch):
    people.prepare(tmp_path / "sign-ins.json", NOW.date())
    who = simulate.everybody()[1]
    whole = list(simulate.weeks(who, NOW.date()))
    given = simulate.weeks

    def broken(*arguments):
        for week, records in enumerate(given(*arguments)):
            if week == 10:
                raise OSError("the power failed")
            yield records

    monkeypatch.setattr(simulate, "weeks", broken)
    with pytest.raises(OSError, match="power"):
        loading._simulate(who, NOW)
    monkeypatch.setattr(simulate, "weeks", given)

    assert loading._simulate(who, NOW)
    assert counts(who)["records"] == sum(map(len, whole))


def prepared(live, tmp_path: Path) -> Path:
    path = tmp_path / "sign-ins.json"
    with transaction.atomic():
        people.prepare(path, NOW.date())
    return path


def test_a_load_whose_simulated_half_fails_does_not_end_well_and_the_diary_is_whole(live, tmp_path):
    path = prepared(live, tmp_path)
    User.objects.filter(email=simulate.everybody()[0].email).update(email="somebody-else@example.org")

    with servers.web(live.environment) as url:
        command = (sys.executable, "manage.py", "demo", "load", "--url", url, "--sign-ins", str(path))
        ended = subprocess.run(
            command,
            cwd=servers.ROOT,
            env=os.environ | live.environment,
            capture_output=True,
            text=True,
        )
        again = io.StringIO()
        call_command("demo", "diary", url=url, sign_ins=path, stdout=again)

    assert ended.returncode != 0
    assert "DoesNotExist" in ended.stderr
    assert "real diary: 2058 held by the server, 0 unsent" in ended.stdout
    assert "loaded" not in ended.stdout.splitlines()
    # The second time everything is there already, and no record stands twice.
    assert "real diary: 2058 held by the server, 0 unsent" in again.getvalue()
    with as_clinic(demo_clinic()):
        assert (Response.objects.count(), MedicationUse.objects.count()) == (1841, 217)
        assert set(Response.objects.values_list("revision", "zone_check")) == {(1, "consistent")}
    report = rebuild.check()
    assert (report.records, report.differences) == (2058, [])


def test_a_server_that_does_not_answer_is_one_sentence(tmp_path):
    path = tmp_path / "sign-ins.json"
    path.write_text(json.dumps([{"email": people.DIARY_EMAIL, "password": factories.PASSWORD}]))
    nowhere = f"http://127.0.0.1:{servers.free_port()}"

    with pytest.raises(CommandError, match="gave up: the server does not answer") as caught:
        call_command("demo", "diary", url=nowhere, sign_ins=path, patience=0.1)

    assert "\n" not in str(caught.value)
    assert factories.PASSWORD not in str(caught.value)

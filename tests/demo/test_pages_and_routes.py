"""Every page and every route that reads has something to show in the demo: those of the access matrix."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.conf import settings
from django.db import transaction
from django.test import Client

from tests.access.expectations import API, FIXED_IN_PATH, PAGES, Row
from tests.phone import Phone, token_of
from tests.rls_context import as_clinic
from tracker.accounts.models import User
from tracker.alerts.models import Alert
from tracker.clinics.models import Clinic, Patient
from tracker.demo import clinic_work, loading, people, simulate
from tracker.outbox import actions as outbox
from tracker.progress import actions as progress
from tracker.records.kinds import KINDS
from tracker.treatment.models import TreatmentSession

NOW = datetime(2026, 7, 20, 12, tzinfo=UTC)
QUICK, WORSE = 0, 5
# Routes that have nothing to show in the demo, and why; none so far.
NOTHING_TO_SHOW: Mapping[str, str] = {}
# Page -> who looks at it, and what they see there.
PAGES_SHOW = {
    "GET ": ("ben", "Femke Mulder"),
    "GET sessions/": ("ben", "(here)"),
    "GET patients/invite/": ("ben", clinic_work.INVITED),
    "GET roles/": ("finn", "Act as"),
    "GET staff/approvals/": ("olga", clinic_work.NEW_STAFF),
    "GET staff/": ("eve", "Dan Okafor"),
    "GET on-call/": ("eve", "Dan Okafor, now"),
    "GET emergency/": ("ben", "Open the record"),
    "GET emergency/log/": ("olga", clinic_work.REASON),
    "GET alerts/": ("ben", "urinary urgency"),
    "GET alerts/<uuid:alert_id>/answers/": ("ben", "1 answer of one alert"),
    "GET patients/<uuid:patient_id>/": ("ben", "nasal spray, esketamine, 84 mg"),
    "GET patients/discharged/": ("ben", "Chantal Smit"),
    "GET monitoring-limits/": ("ben", "140"),
    "GET patients/<uuid:patient_id>/sessions/": ("ben", "nasal spray, esketamine"),
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/": ("ben", "dizziness"),
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/live/": ("ben", "84 mg"),
    "GET patients/<uuid:patient_id>/sessions/<uuid:session_id>/esketamine-form/": ("ben", "84 mg"),
}


def account(first: str) -> User:
    return User.objects.get(email=f"{first}@{simulate.HOST}")


@pytest.fixture(scope="module")
def clock() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture(scope="module")
def patients(
    clock: None, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[int, Patient]]:
    """The demo clinic, loaded once for all tests here: only the two patients of whom there is most to see."""
    with django_db_blocker.unblock(), transaction.atomic():
        people.prepare(tmp_path_factory.mktemp("demo") / "sign-ins.json", NOW.date())
        everybody = simulate.everybody()
        for number in (QUICK, WORSE):
            loading._simulate(everybody[number], NOW)
        for number in (clinic_work.DISCHARGED, clinic_work.EMERGENCY):
            clinic_work.after_loading(everybody[number], loading._clinician_of(everybody[number]), NOW)
        outbox.deliver_in_app(at=NOW)
        clinic_id = Clinic.objects.get(name=people.CLINIC).pk
        with as_clinic(clinic_id):
            found = {
                who.number: Patient.objects.select_related("user").get(user__email=who.email)
                for who in everybody[:10]
            }
        progress.refresh(clinic_id=clinic_id, patient_id=found[QUICK].pk, at=NOW)
        yield found
        transaction.set_rollback(True)


def holds_something(answer: Any) -> bool:
    """A list is not empty; what has no list is there."""
    body = answer.json() if answer.status_code == 200 else {}
    lists = (
        [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else [body]
    )
    return any(lists) if lists else bool(body)


def red_flag(patients: Mapping[int, Patient]) -> Alert:
    with as_clinic(patients[WORSE].clinic_id):
        return Alert.objects.get(patient=patients[WORSE], rule="side_effect_urinary_urgency_or_pain")


def esketamine_session(patient: Patient) -> str:
    """The last session of the nasal spray, which was recorded as it went."""
    with as_clinic(patient.clinic_id):
        return str(TreatmentSession.objects.dosed().filter(patient=patient).latest("starts_at").pk)


def asked(name: str, row: Row, patient: Patient, ids: Mapping[str, str]) -> str:
    path = re.sub(
        r"<\w+:(\w+)>", lambda found: {**FIXED_IN_PATH, **ids}[found[1]], name.removeprefix("GET api/v1/")
    )
    query = dict(row.fixed) | dict.fromkeys(row.query, str(patient.pk))
    return f"{path}?{urlencode(query)}" if query else path


def test_every_route_that_reads_answers_something_to_somebody_of_the_demo(patients):
    anouk = patients[QUICK]
    phones = [Phone(anouk.user), *(Phone(account(name)) for name in ("ben", "olga", "carl.bakker"))]
    records = phones[0].get("records?limit=1").json()["records"]
    summaries = phones[0].get("summaries?limit=1").json()["summaries"]
    ids = {
        "record_id": records[0]["id"], "summary_id": summaries[0]["id"], "alert_id": str(red_flag(patients).pk),
        "session_id": esketamine_session(anouk),
    }  # fmt: skip

    empty = []
    for name, found in API.items():
        for row in (found,) if isinstance(found, Row) else found:
            if name.startswith("GET api/") and not row.public and name not in NOTHING_TO_SHOW:
                path = asked(name, row, anouk, ids)
                if not any(holds_something(phone.get(path)) for phone in phones):
                    empty.append(path)

    assert empty == []


def test_each_kind_of_record_each_category_and_a_caregiver_s_part_are_there(patients):
    anouk, carl = patients[QUICK], Phone(account("carl.bakker"))

    own = {kind: Phone(anouk.user).get(f"records?kind={kind}&limit=1").json()["records"] for kind in KINDS}
    shown = carl.get(f"records?patient={anouk.pk}&limit=200").json()["records"]

    assert [kind for kind, records in own.items() if not records] == []
    assert {row["kind"] for row in shown} <= {"pain", "daily", "practice", "sleep", "plan", "response"}
    assert carl.get(f"observations?patient={anouk.pk}&measure=dose.sertraline").status_code == 404
    written = [row for row in shown if "author" in row]
    assert [(row["kind"], row["author"]["name"]) for row in written] == [("pain", clinic_work.CAREGIVER)]
    assert "pain" in carl.get("me").json()["caregiver_of"]["writable_kinds"]


def test_every_page_shows_something_of_the_demo(patients):
    browsers = {name: browser(name) for name in {who for who, _ in PAGES_SHOW.values()}}

    assert {name for name in PAGES if name.startswith("GET ")} == PAGES_SHOW.keys()
    ids = {
        "patient_id": str(patients[QUICK].pk), "alert_id": str(red_flag(patients).pk),
        "session_id": esketamine_session(patients[QUICK]),
    }  # fmt: skip
    missing = []
    for name, (who, wanted) in PAGES_SHOW.items():
        path = "/" + re.sub(r"<\w+:(\w+)>", lambda found: ids[found[1]], name.removeprefix("GET "))
        answer = browsers[who].get(path)
        if answer.status_code != 200 or wanted not in unescape(answer.content.decode()):
            missing.append((answer.status_code, path, wanted))

    assert missing == []


def browser(first: str) -> Client:
    made = Client()
    made.cookies[settings.SESSION_COOKIE_NAME] = token_of(account(first))
    return made


def test_a_patient_who_took_mood_and_journal_back_shows_the_rest(patients):
    esther = patients[clinic_work.SHARES_LESS]
    ben = Phone(account("ben"))

    teams = Phone(esther.user).get("me/consents").json()["teams"]

    assert sorted(teams[0]["categories"]) == ["medication", "pain", "treatment", "visits"]
    assert ben.get(f"records?patient={esther.pk}").status_code == 200
    assert ben.get(f"records?patient={esther.pk}&kind=daily").status_code == 404


def test_the_newest_red_flag_is_open_and_an_old_one_was_acknowledged(patients):
    with as_clinic(patients[WORSE].clinic_id):
        alerts = Alert.objects.filter(patient=patients[WORSE], rule__startswith="side_effect")
        old, new = alerts.order_by("raised_at")

    assert old.rule == "side_effect_shortness_of_breath"
    assert old.acknowledged_at == old.raised_at + timedelta(minutes=9)
    assert (new.rule, new.acknowledged_at) == ("side_effect_urinary_urgency_or_pain", None)
    assert new.raised_at > NOW - timedelta(days=7)

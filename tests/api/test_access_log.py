"""A patient lists who saw what about her; the privacy officer what happened at the clinic; nobody else anything."""

import uuid
from typing import Any

import pytest

from tests import factories
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_user
from tracker.access.principal import load_principal
from tracker.audit import actions as audit
from tracker.audit.models import AuditEvent
from tracker.clinics.models import Role


def own_log(world, query: str = "") -> Any:
    answer = Phone(world.ada.user).get(f"me/access-log{query}")
    assert answer.status_code == 200
    return answer.json()["events"]


@pytest.fixture
def officer(world):
    return factories.staff(world.clinic, "olga", Role.PRIVACY_OFFICER)


def test_the_access_log_shows_a_patient_at_once_who_read_which_of_her_records(world):
    Phone(world.ada.user).push(factories.pain(3), factories.pain(4))
    assert Phone(world.ben.user).get(f"records?patient={world.ada.pk}").status_code == 200

    (look,) = own_log(world)

    assert look["who"] == {"name": "Ben", "role": "clinician"}
    assert (look["action"], look["kind"], look["result"], look["rows"]) == (
        "chart.open",
        "records",
        "done",
        2,
    )
    assert look["purpose"] == "GET /api/v1/records"
    assert look["break_glass"] is False


def test_the_access_log_lists_reads_of_her_page_and_of_the_caseload(world):
    browser = sign_in(world.ben.user)
    browser.get(f"/patients/{world.ada.pk}/")
    browser.get("/")

    assert [(look["action"], look["kind"]) for look in own_log(world)] == [
        ("caseload.read", "home"),
        ("chart.open", "patient"),
    ]


def test_the_access_log_lists_a_refused_attempt(world):
    Phone(world.cleo.user).get(f"records?patient={world.ada.pk}")

    (look,) = own_log(world)
    assert (look["who"]["name"], look["result"]) == ("Cleo", "refused")


def test_the_access_log_marks_a_read_under_break_glass(world):
    with as_user(world.ben) as principal:
        audit.record_event(
            actor=principal.actor, action="chart.open", subject="x", clinic_id=principal.clinic_id,
            patient_id=world.ada.pk, at=factories.MONDAY, detail={"break_glass": True},
        )  # fmt: skip

    (look,) = own_log(world)
    assert look["break_glass"] is True


def test_the_access_log_shows_her_own_acts_when_asked_for(world):
    phone = Phone(world.ada.user)
    phone.push(factories.pain(3))

    assert own_log(world) == []
    own = phone.get("me/access-log?own=yes").json()["events"]
    # Reading the log is in the log.
    done = [look["action"] for look in own]
    assert done[0] == "read_own_access_log"
    assert "records.receive" in done
    assert own[0]["who"] == {"name": "Ada", "role": "patient"}


def test_the_cursor_of_the_access_log_neither_skips_nor_repeats(world):
    ben = Phone(world.ben.user)
    for limit in range(1, 8):
        ben.get(f"records?patient={world.ada.pk}&limit={limit}")
    phone, cursor, seen = Phone(world.ada.user), "", []
    for _ in range(10):
        page = phone.get(f"me/access-log?limit=3{cursor}").json()
        seen += [look["at"] for look in page["events"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"

    assert len(seen) == len(set(seen)) == 7
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("query", ["?cursor=x", "?own=maybe", "?limit=0", "?limit=201", "?patient=x", "?x=1"])
def test_the_access_log_refuses_parameters_that_cannot_be_taken(world, query):
    assert Phone(world.ada.user).get(f"me/access-log{query}").status_code == 400


@pytest.mark.parametrize("who", ["ben", "cleo", "eve", "finn"])
def test_the_access_log_is_for_the_patient_and_the_privacy_officer_only(world, who):
    phone = Phone(getattr(world, who).user)

    assert phone.get("me/access-log").status_code == 403
    assert phone.get("access-log").status_code == 403
    assert phone.get(f"access-log?patient={world.ada.pk}").status_code == 403


def test_the_access_log_of_the_clinic_lists_the_privacy_officers_own_read(world, officer):
    Phone(world.ben.user).get(f"records?patient={world.ada.pk}")
    Phone(world.finn.user).get(f"records?patient={world.gus.pk}")
    phone = Phone(officer.user)

    first = phone.get("access-log?limit=1").json()["events"]
    second = phone.get("access-log?limit=2").json()["events"]

    assert [look["who"]["name"] for look in first] == ["Ben"]
    assert [(look["who"]["name"], look["action"]) for look in second] == [
        ("Olga", "read_access_log"),
        ("Ben", "chart.open"),
    ]


def test_the_access_log_of_the_clinic_can_be_narrowed_to_one_patient(world, officer):
    Phone(world.ben.user).get(f"records?patient={world.ada.pk}")
    Phone(world.cleo.user).get(f"records?patient={world.bea.pk}")
    phone = Phone(officer.user)

    seen = phone.get(f"access-log?patient={world.bea.pk}").json()["events"]

    staff = {look["who"]["name"] for look in seen if look["who"]["role"] == "clinician"}
    assert staff == {"Cleo"}
    # Another clinic's patient and nobody at all look the same.
    assert phone.get(f"access-log?patient={uuid.uuid4()}").json()["events"] == []
    assert phone.get(f"access-log?patient={world.gus.pk}").json()["events"] == []


def test_row_level_security_lets_each_read_only_their_own_audit_events(world, officer):
    """Without any filter of ours."""
    for reader, patient in ((world.ben, world.ada), (world.cleo, world.bea), (world.finn, world.gus)):
        Phone(reader.user).get(f"records?patient={patient.pk}")
    Phone(world.ben.user).get("alerts")

    def visible(person) -> set[str]:
        load_principal(person.user_id, factories.MONDAY)
        return set(AuditEvent.objects.exclude(action="consent.change").values_list("actor", flat=True))

    assert visible(world.ada) == {f"user/{world.ben.user_id}"}
    assert visible(world.bea) == {f"user/{world.cleo.user_id}"}
    assert visible(world.ben) == visible(world.cleo) == visible(world.eve) == set()
    assert visible(officer) == {f"user/{world.ben.user_id}", f"user/{world.cleo.user_id}"}

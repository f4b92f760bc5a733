"""The list of open alerts is read page by page, and acknowledging covers what was shown."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.policy import Category
from tracker.alerts import actions
from tracker.alerts.escalation import Finding

AT = factories.MONDAY


def raise_alert(
    world: factories.World, rule: str, minute: int = 0, days_before: int = 0, **more: Any
) -> None:
    at = AT + timedelta(minutes=minute)
    answered_at = at - timedelta(days=days_before)
    source_id = more.pop("source_id", None) or uuid.uuid4()
    finding = Finding(rule, "URGENT", "response", source_id, answered_at, answered_at.date(), **more)
    with as_clinic(world.clinic.pk):
        actions.assess(clinic_id=world.clinic.pk, patient_id=world.ada.pk, findings=[finding], at=at)


@pytest.fixture
def ben(world: factories.World) -> Phone:
    return Phone(world.ben.user)


def test_open_alerts_are_listed_page_by_page_with_their_total(world, ben):
    for number in range(5):
        raise_alert(world, f"rule_{number}", minute=number % 2)
    pages: list[dict[str, Any]] = []
    cursor = ""
    while not pages or pages[-1]["next"]:
        pages.append(ben.get(f"alerts?limit=2{cursor}").json())
        cursor = f"&cursor={pages[-1]['next']}"

    assert [len(page["alerts"]) for page in pages] == [2, 2, 1]
    assert {page["total"] for page in pages} == {5}
    listed = [(alert["raised_at"], alert["id"]) for page in pages for alert in page["alerts"]]
    assert listed == sorted(set(listed))


def test_a_cursor_of_another_reader_of_alerts_is_refused(world, ben):
    for number in range(2):
        raise_alert(world, f"rule_{number}")
    cursor = ben.get("alerts?limit=1").json()["next"]

    answer = Phone(world.dan.user).get(f"alerts?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


def test_acknowledging_an_alert_leaves_open_what_came_since_it_was_shown(world, ben):
    for _ in range(3):
        raise_alert(world, "phq9_item9")
    (shown,) = ben.get("alerts").json()["alerts"]
    assert shown["answers"] == 3

    first = ben.post(f"alerts/{shown['id']}/acknowledge?answers=2&base_version=1").json()
    second = Phone(world.dan.user).post(f"alerts/{shown['id']}/acknowledge?answers=2&base_version=1").json()

    assert (first["acknowledged_by"], second["acknowledged_by"]) == ("Ben", "Ben")
    assert second["open_since"] is None
    (left,) = ben.get("alerts").json()["alerts"]
    assert (left["id"], left["answers"]) == (first["open_since"], 1)


def test_acknowledging_an_alert_is_refused_where_an_answer_was_changed_since_it_was_shown(world, ben):
    """Item 9 was 1 when Ben looked, and is 3 when he acknowledges: he looks again first."""
    answer = uuid.uuid4()
    raise_alert(world, "phq9_item9", source_id=answer, value=1.0, version="a")
    (shown,) = ben.get("alerts").json()["alerts"]
    raise_alert(world, "phq9_item9", minute=1, source_id=answer, value=3.0, version="b")
    path = f"alerts/{shown['id']}/acknowledge?answers={shown['answers']}&base_version="

    refused = ben.post(f"{path}{shown['version']}")

    assert (refused.status_code, refused.json()["code"]) == (409, "alert_changed")
    assert "changed since it was shown" in refused.json()["detail"]
    (now,) = ben.get("alerts").json()["alerts"]
    assert refused.json()["server"] == now
    assert now["newest_raised_at"] > shown["newest_raised_at"]
    assert ben.post(f"{path}{now['version']}").json()["acknowledged_by"] == "Ben"
    assert ben.get("alerts").json()["total"] == 0


def test_acknowledging_an_alert_needs_the_number_of_answers_that_were_shown_and_takes_it_nowhere_else(
    world, ben
):
    raise_alert(world, "phq9_item9")
    raise_alert(world, "phq9_item9")
    (shown,) = ben.get("alerts").json()["alerts"]
    path = f"alerts/{shown['id']}/acknowledge"

    missing, in_the_body = ben.post(path), ben.post(f"{path}?answers=1&base_version=1", {"answers": 1})

    assert [error["parameter"] for error in missing.json()["errors"]] == ["answers", "base_version"]
    assert (in_the_body.status_code, in_the_body.json()["errors"][0]["code"]) == (400, "unknown_field")
    assert [alert["acknowledged_at"] for alert in ben.get("alerts").json()["alerts"]] == [None]
    assert ben.post(f"{path}?answers=2&base_version=1", {}).json()["open_since"] is None


def test_an_alert_that_a_current_answer_has_joined_is_listed_with_the_times_of_that_answer(world, ben):
    raise_alert(world, "phq9_item9", days_before=20)
    raise_alert(world, "phq9_item9", minute=1)

    (alert,) = ben.get("alerts").json()["alerts"]

    newest = (AT + timedelta(minutes=1)).isoformat()
    assert (alert["historical"], alert["answers"]) == (False, 2)
    times = [datetime.fromisoformat(alert[name]) for name in ("newest_answered_at", "newest_raised_at")]
    assert [at.isoformat() for at in times] == [newest] * 2
    assert datetime.fromisoformat(alert["answered_at"]) == AT - timedelta(days=20)


def test_each_answer_of_an_alert_is_listed_with_its_dates_page_by_page(world, ben):
    """A history of five forms and an answer of now are one alert, and each of them is there to be seen."""
    for number in range(1, 6):
        raise_alert(world, "phq9_item9", days_before=20 * number)
    raise_alert(world, "phq9_item9", minute=1)
    (alert,) = ben.get("alerts").json()["alerts"]

    pages: list[dict[str, Any]] = []
    cursor = ""
    while not pages or pages[-1]["next"]:
        pages.append(ben.get(f"alerts/{alert['id']}/answers?limit=4{cursor}").json())
        cursor = f"&cursor={pages[-1]['next']}"

    answers = [answer for page in pages for answer in page["answers"]]
    days_before = [(AT.date() - date.fromisoformat(answer["local_date"])).days for answer in answers]
    assert days_before == [0, 20, 40, 60, 80, 100]
    assert [answer["historical"] for answer in answers] == [False] + [True] * 5
    assert {page["total"] for page in pages} == {6}
    # No record was ever stored here: the findings are the test's own.
    assert {answer["record"] for answer in answers} == {None}


def test_a_cursor_of_the_answers_of_another_alert_is_refused(world, ben):
    for rule in ("phq9_item9", "phq9_total"):
        for _ in range(2):
            raise_alert(world, rule)
    first, second = (alert["id"] for alert in ben.get("alerts").json()["alerts"])
    cursor = ben.get(f"alerts/{first}/answers?limit=1").json()["next"]

    assert ben.get(f"alerts/{second}/answers?cursor={cursor}").json()["code"] == "invalid_cursor"


def test_a_stranger_cannot_tell_the_answers_of_an_alert_from_nothing(world, ben):
    raise_alert(world, "phq9_item9")
    (alert,) = ben.get("alerts").json()["alerts"]
    cleo = Phone(world.cleo.user)

    answers = [cleo.get(f"alerts/{one}/answers") for one in (alert["id"], uuid.uuid4())]

    assert [answer.status_code for answer in answers] == [404, 404]


def test_answer_of_an_alert_names_its_record_to_those_alone_who_may_read_it(world):
    ada, ben = Phone(world.ada.user), Phone(world.ben.user)
    form = factories.phq9([0] * 8 + [2])
    ada.push(form)
    (alert,) = ben.get("alerts").json()["alerts"]

    def named() -> str | None:
        record: str | None = ben.get(f"alerts/{alert['id']}/answers").json()["answers"][0]["record"]
        return record

    assert named() == form["id"]
    factories.share(world.ada, world.team, [Category.PAIN], timezone.now())
    assert named() is None

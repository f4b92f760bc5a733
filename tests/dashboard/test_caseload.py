"""The caseload: who needs me and why first."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests import factories
from tests.dashboard.conftest import NOW, sign_in, text
from tests.rls_context import as_clinic, as_user
from tracker.alerts import actions as alerts
from tracker.alerts.escalation import Finding
from tracker.alerts.models import Alert
from tracker.outbox.models import Message
from tracker.reminders import actions as reminders

POSITIVE: list[int | None] = [1, 1, 1, 1, 1, 1, 1, 1, 2]


def week(value: int, *, ends, item: str = "pain_avg", days: int = 7) -> list[dict[str, Any]]:
    return [
        factories.record("daily", {item: value}, recorded_at=(ends - timedelta(days=n)).isoformat())
        for n in range(days)
    ]


def names(page: str) -> list[str]:
    return re.findall(r'role="rowheader"><a [^>]+>([^<]+)<', page)


def test_the_team_sees_its_patients_and_nobody_elses(world, ben):
    page = text(ben.get("/"))

    assert "1 patient" in page
    assert "Ada" in page
    assert "Bea" not in page
    assert "Gus" not in page


def test_an_alert_stands_at_the_top_with_both_times(world, ben, send):
    answered = NOW - timedelta(hours=14)
    send(world.ada, factories.phq9(POSITIVE, recorded_at=answered.isoformat()))

    page = text(ben.get("/"))

    assert "1 open alert" in page
    assert "Urgent" in page
    assert "PHQ-9 item 9" in page
    assert "Answered 14 h ago , Sun 1 Mar 2026, 21:00 ; reached us Mon 2 Mar 2026, 11:00" in page
    assert "Open alert: urgent" in page


def test_one_time_is_enough_where_the_two_agree(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE, recorded_at=(NOW - timedelta(minutes=5)).isoformat()))

    assert "reached us" not in text(ben.get("/"))


def test_a_time_is_the_patients_own(world, clock, ben, send):
    with as_clinic(world.clinic.pk):
        type(world.ada).objects.filter(pk=world.ada.pk).update(time_zone="America/New_York")
    send(world.ada, factories.phq9(POSITIVE, recorded_at=(NOW - timedelta(minutes=5)).isoformat()))

    assert "Mon 2 Mar 2026, 04:55" in text(ben.get("/"))


def test_an_answer_that_was_old_on_arrival_stands_at_the_top_like_any_other(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE, recorded_at=(NOW - timedelta(days=30)).isoformat()))

    answer = ben.get("/")

    assert "1 open alert" in text(answer)
    assert "more than 7 days later, or the phone's clock is wrong" in text(answer)
    assert answer.content.count(b"Acknowledge</button>") == 1


def test_acknowledging_puts_the_alert_in_ones_name(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE))
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()

    answer = ben.post(f"/alerts/{alert.pk}/acknowledge/", follow=True)

    assert answer.redirect_chain == [("/", 302)]
    assert "Acknowledged. The alert is in your name now." in text(answer)
    assert "No open alerts" in text(answer)
    with as_clinic(world.clinic.pk):
        alert.refresh_from_db()
    assert (alert.acknowledged_by_id, alert.acknowledged_at) == (world.ben.user_id, NOW)


def test_the_second_clinician_is_told_who_was_first(world, clock, ben, send):
    send(world.ada, factories.phq9(POSITIVE))
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()
    ben.post(f"/alerts/{alert.pk}/acknowledge/")
    clock.shift(120)

    answer = sign_in(world.dan.user).post(
        f"/alerts/{alert.pk}/acknowledge/", {"back": str(world.ada.pk)}, follow=True
    )

    assert answer.redirect_chain == [(f"/patients/{world.ada.pk}/", 302)]
    assert "Ben acknowledged this alert first, on Mon 2 Mar 2026, 11:00." in text(answer)
    with as_clinic(world.clinic.pk):
        alert.refresh_from_db()
    assert alert.acknowledged_by_id == world.ben.user_id


def test_a_stranger_cannot_acknowledge_and_learns_nothing(world, cleo, send):
    send(world.ada, factories.phq9(POSITIVE))
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()

    answer = cleo.post(f"/alerts/{alert.pk}/acknowledge/")

    assert answer.status_code == 404
    assert cleo.get("/alerts/").content.count(b"<li") == 0
    with as_clinic(world.clinic.pk):
        alert.refresh_from_db()
    assert alert.acknowledged_at is None


def test_after_acknowledging_nobody_is_sent_to_a_page_of_others(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE))
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()

    for back in (str(world.bea.pk), "https://example.org/", "//example.org"):
        answer = ben.post(f"/alerts/{alert.pk}/acknowledge/", {"back": back})
        assert answer["Location"] == "/"


def test_the_open_alerts_can_be_asked_for_alone(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE))

    answer = ben.get("/alerts/")

    assert answer.content.count(b'<li class="alert') == 1
    assert b"<html" not in answer.content


def test_change_is_said_with_number_arrow_and_word(world, ben, send):
    send(world.ada, *week(4, ends=NOW - timedelta(days=50)), *week(7, ends=NOW))

    page = text(ben.get("/"))

    assert "4 → to 7 ↑ +3 worse Average pain, 7 days" in page
    assert "Worse: pain" in page


def test_an_old_value_is_never_passed_off_as_current(world, ben, send):
    send(world.ada, *week(4, ends=NOW - timedelta(days=60)), *week(9, ends=NOW - timedelta(days=20)))

    page = text(ben.get("/"))

    assert "was 9, 20 days ago" in page
    assert "Silent for 20 days" in page
    assert "worse" not in page.lower()


def test_a_page_that_is_not_shared_is_not_even_seen_as_a_sign_of_life(world, ben, send):
    send(world.ada, factories.record("journal", {"text": "Mine alone.", "share": "none"}))

    assert "none yet" in text(ben.get("/"))


def test_an_entry_without_a_number_breaks_the_silence(world, ben, send):
    send(world.ada, factories.record("journal", {"text": "A quiet day.", "share": "entry"}))

    page = text(ben.get("/"))

    assert "today" in page
    assert "Silent" not in page
    assert "A quiet day" not in page


def test_a_phone_that_lives_in_the_future_hides_no_silence(world, ben, send):
    send(
        world.ada,
        factories.pain(4, recorded_at=(NOW - timedelta(days=9)).isoformat()),
        factories.pain(5, recorded_at="2150-01-01T08:00:00+00:00"),
        factories.pain(5, recorded_at=(NOW + timedelta(days=2)).isoformat()),
    )

    page = text(ben.get("/"))

    assert "Silent for 9 days" in page
    assert "ahead" not in page
    assert "2150" not in page


@pytest.mark.parametrize("ahead", [timedelta(minutes=11), timedelta(days=1)])
def test_an_entry_of_a_clock_that_is_ahead_is_no_last_entry(world, ben, send, ahead):
    send(world.ada, factories.pain(4, recorded_at=(NOW + ahead).isoformat()))

    assert "none yet" in text(ben.get("/"))


def test_the_last_entry_is_that_of_the_newest_instant(world, ben, send):
    send(
        world.ada,
        factories.pain(4, recorded_at="2026-03-02T01:00:00+09:00", time_zone="Asia/Tokyo"),
        factories.pain(5, recorded_at="2026-03-01T13:00:00-05:00", time_zone="America/New_York"),
    )

    assert "1 Mar 2026" in text(ben.get("/"))


def test_the_one_who_got_much_worse_stands_above_the_one_who_got_a_little_worse_twice(world, ben, send):
    def since(days: int) -> dict[str, Any]:
        return {"recorded_at": (NOW - timedelta(days=days)).isoformat()}

    zoe = factories.patient(world.clinic, "zoe", world.team)
    send(world.ada, *week(4, ends=NOW - timedelta(days=50)), *week(5, ends=NOW))
    send(
        world.ada,
        factories.phq9([1] * 4 + [0] * 5, **since(50)),
        factories.phq9([2] * 4 + [1] + [0] * 4, **since(1)),
    )
    send(
        zoe,
        factories.phq9([1] * 4 + [0] * 5, **since(50)),
        factories.phq9([3] * 4 + [1] + [0] * 4, **since(1)),
    )

    answer = ben.get("/")

    assert "+5 worse" in text(answer)
    assert "+9 worse" in text(answer)
    assert "Worse: mood, pain" in text(answer)
    assert names(answer.content.decode()) == ["Zoe", "Ada"]


def test_a_removed_entry_is_no_longer_the_last_one(world, ben, send):
    entry = factories.record("journal", {"text": "Never mind.", "share": "none"})
    send(world.ada, factories.pain(4, recorded_at=(NOW - timedelta(days=9)).isoformat()), entry)
    send(world.ada, factories.record("journal", None, id=entry["id"], revision=2, removed=True))

    assert "Silent for 9 days" in text(ben.get("/"))


def test_a_name_is_a_name_and_never_markup(world, ben):
    with as_clinic(world.clinic.pk):
        type(world.ada).objects.filter(pk=world.ada.pk).update(name="<b>Ada</b> & Co")

    page = ben.get("/").content.decode()

    assert "&lt;b&gt;Ada&lt;/b&gt; &amp; Co</a>" in page


def test_a_patient_without_entries_is_said_to_have_none(world, ben):
    page = text(ben.get("/"))

    assert "No entry yet for 56 days" in page
    assert "none yet" in page


def test_the_next_check_in_is_shown_in_the_patients_time(world, ben):
    with as_user(world.ben, NOW) as principal:
        for days in (2, 1):
            reminders.plan_check_in(
                principal=principal,
                patient=world.ada,
                starts_at=NOW + timedelta(days=days),
                minutes=20,
                at=NOW,
            )

    assert "Tue 3 Mar, 11:00" in text(ben.get("/"))


def test_patients_can_be_put_in_other_orders(world, ben, send):
    zoe = factories.patient(world.clinic, "zoe", world.team)
    send(zoe, factories.phq9(POSITIVE))
    send(world.ada, factories.pain(3))

    def order(key: str) -> list[str]:
        return names(ben.get("/", {"order": key}).content.decode())

    assert order("") == order("need") == order("nonsense") == ["Zoe", "Ada"]
    assert order("name") == ["Ada", "Zoe"]


def test_who_has_left_is_no_longer_in_the_list(world, ben):
    with as_clinic(world.clinic.pk):
        type(world.ada).objects.filter(pk=world.ada.pk).update(discharged_on=NOW.date())

    assert names(ben.get("/").content.decode()) == []


def test_the_caseload_costs_eight_statements_whatever_its_size(world, ben, send):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert ben.get("/").status_code == 200
        return len(queries)

    send(world.ada, factories.phq9(POSITIVE), factories.pain(4))
    # Once in ten seconds a process asks whether alerts are late, too.
    assert cost() == 9
    few = cost()
    for n in range(12):
        patient = factories.patient(world.clinic, f"p{n}", world.team)
        send(patient, factories.phq9(POSITIVE), factories.daily(), factories.pain(n % 10))

    assert few == cost() <= 8


def test_no_message_of_the_page_names_the_patient(world, ben, send):
    send(world.ada, factories.phq9(POSITIVE))
    with as_clinic(world.clinic.pk):
        alert = Alert.objects.get()
        assert Message.objects.exists()

    answer = ben.post(f"/alerts/{alert.pk}/acknowledge/")

    cookies = " ".join(cookie.value for cookie in answer.cookies.values())
    assert "Ada" not in cookies
    assert "PHQ" not in cookies


def raise_alert(
    world: factories.World, rule: str, answered_at: datetime = factories.MONDAY, **more: Any
) -> None:
    at = factories.MONDAY
    source_id = more.pop("source_id", None) or uuid.uuid4()
    finding = Finding(rule, "HIGH", "response", source_id, answered_at, answered_at.date(), **more)
    with as_clinic(world.clinic.pk):
        alerts.assess(clinic_id=world.clinic.pk, patient_id=world.ada.pk, findings=[finding], at=at)


def test_open_alerts_are_shown_page_by_page_and_each_counts_for_triage(world, ben, monkeypatch):
    monkeypatch.setattr("tracker.dashboard.pages.alerts.PAGE_SIZE", 2)
    for number in range(5):
        raise_alert(world, f"rule_{number}")

    pages = [ben.get(f"/?alerts={number}") for number in ("1", "2", "3", "99", "x")]

    assert all("5 open alerts" in text(page) for page in pages)
    assert [page.content.count(b"/acknowledge/") for page in pages] == [2, 2, 1, 1, 2]
    assert ["Open alert: high" in text(page) for page in pages] == [True] * 5
    assert b'data-refresh="/alerts/?alerts=3"' in pages[2].content


def test_acknowledging_tells_of_answers_that_came_since_the_page_was_shown(world, ben):
    for _ in range(3):
        raise_alert(world, "phq9_item9")
    with as_clinic(world.clinic.pk):
        shown = Alert.objects.open().get()
    assert "3 answers" in text(ben.get("/"))

    answer = ben.post(f"/alerts/{shown.pk}/acknowledge/", {"answers": "1"}, follow=True)

    assert "2 answers came in since the page was shown, and stay open as an alert." in text(answer)
    assert "1 open alert" in text(answer)


def test_acknowledging_is_refused_where_an_answer_was_changed_since_the_page_was_shown(world, ben):
    answer = uuid.uuid4()
    raise_alert(world, "phq9_item9", source_id=answer, value=1.0, version="a")
    page = ben.get("/")
    assert "An answer has been changed" not in text(page)
    form = dict(re.findall(r'name="(answers|base_version)" value="(\d+)"', page.content.decode()))
    raise_alert(world, "phq9_item9", source_id=answer, value=3.0, version="b")
    with as_clinic(world.clinic.pk):
        shown = Alert.objects.open().get()

    refused = ben.post(f"/alerts/{shown.pk}/acknowledge/", form, follow=True)

    assert "Not acknowledged: the patient has changed an answer since the page was shown." in text(refused)
    assert "An answer has been changed since it was first sent." in text(refused)
    again = dict(re.findall(r'name="(answers|base_version)" value="(\d+)"', refused.content.decode()))
    assert "No open alerts" in text(ben.post(f"/alerts/{shown.pk}/acknowledge/", again, follow=True))


def test_an_alert_that_a_current_answer_has_joined_is_headed_by_it_and_stands_among_the_current_ones(
    world, ben
):
    long_ago = factories.MONDAY - timedelta(days=20)
    raise_alert(world, "joined", answered_at=long_ago)
    raise_alert(world, "current")
    raise_alert(world, "old", answered_at=long_ago)
    raise_alert(world, "joined", answered_at=factories.MONDAY - timedelta(minutes=2))

    page = text(ben.get("/"))

    assert max(page.index("Ada joined"), page.index("Ada current")) < page.index("Ada old")
    assert page.count("Answered 20 days ago") == 1
    assert page.count("more than 7 days later") == 1
    assert "2 answers , the first reached us Mon 2 Mar 2026" in page

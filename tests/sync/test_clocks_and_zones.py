"""An entry is kept with its zone and offset as they were sent; its day, and what of its clock is not believed."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.policy import Category
from tracker.alerts.models import Alert
from tracker.clinics.models import Patient
from tracker.lib import days
from tracker.progress import actions as progress
from tracker.progress import trends
from tracker.records import rebuild
from tracker.records.models import MeasureState, Observation

HOUR = timedelta(hours=1)


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def kept(phone: Phone, sent: dict[str, Any]) -> dict[str, Any]:
    result = phone.push(sent).json()["results"][0]
    assert result["status"] == "stored", result
    record: dict[str, Any] = phone.get(f"records/{sent['id']}").json()
    return record


def current(phone: Phone, measure: str) -> dict[str, Any]:
    told: dict[str, Any] = phone.get(f"observations?measure={measure}").json()
    return told


@pytest.mark.parametrize(
    ("recorded_at", "time_zone", "local_date", "zone_check"),
    [
        ("2026-11-20T00:30:00-07:00", "America/Vancouver", "2026-11-20", "consistent"),
        ("2026-11-20T00:30:00-08:00", "America/Vancouver", "2026-11-20", "offset_differs"),
        ("2026-11-20T08:00:00+09:00", "Asia/Tokyo", "2026-11-20", "consistent"),
        ("2026-11-20T08:00:00+00:00", "Europe/London", "2026-11-20", "consistent"),
        ("2026-11-20T08:00:00+00:00", "Europe/Amsterdam", "2026-11-20", "offset_differs"),
        ("2026-11-19T23:30:00Z", "Europe/Amsterdam", "2026-11-20", "consistent"),
        # The zone decides where it is known, whatever the offset.
        ("2026-11-19T20:00:00-05:00", "Europe/Amsterdam", "2026-11-20", "offset_differs"),
        # Clocks went back at 03:00 of 25 October: both hours are the zone's own.
        ("2026-10-25T02:30:00+02:00", "Europe/Amsterdam", "2026-10-25", "consistent"),
        ("2026-10-25T02:30:00+01:00", "Europe/Amsterdam", "2026-10-25", "consistent"),
        ("2026-10-25T02:30:00+03:00", "Europe/Amsterdam", "2026-10-25", "offset_differs"),
        ("2026-11-20T08:00:00+07:00", "Asia/Hanoi", "2026-11-20", "unknown_zone"),
        ("2026-11-20T00:30:00+13:45", "Pacific/Nowhere", "2026-11-20", "unknown_zone"),
        ("2026-11-20T23:30:00-11:00", "Pacific/Nowhere", "2026-11-20", "unknown_zone"),
        ("2026-11-20T23:30:00Z", "GMT+07:00", "2026-11-20", "unknown_zone"),
        ("2026-11-20T08:00:00+08:00", "中国标准时间", "2026-11-20", "unknown_zone"),
        ("2026-11-20T08:00:00+01:00", "europe/amsterdam", "2026-11-20", "unknown_zone"),
    ],
)
def test_a_record_keeps_its_offset_and_the_name_of_its_zone_and_has_the_day_they_give(
    world, phone, recorded_at, time_zone, local_date, zone_check
):
    sent = factories.pain(5, recorded_at=recorded_at, time_zone=time_zone)

    record = kept(phone, sent)

    assert (record["recorded_at"], record["time_zone"]) == (recorded_at, time_zone)
    assert (record["local_date"], record["zone_check"]) == (local_date, zone_check)
    pulled = phone.get("sync/pull").json()["records"][0]
    versions = phone.get(f"records/{sent['id']}/history").json()["versions"]
    assert pulled["recorded_at"] == versions[0]["recorded_at"] == recorded_at
    with as_clinic(world.clinic.pk):
        assert Observation.objects.get(source_id=sent["id"]).local_date == date.fromisoformat(local_date)


@pytest.mark.parametrize(
    "time_zone",
    [
        "localtime", "Localtime", "Factory", "posixrules", "leapseconds", "tzdata.zi", "zone1970.tab", "", " ",
        "/etc/localtime", "../etc/passwd", "Europe/../Europe/Amsterdam", "posix/Europe/Amsterdam", "right/UTC",
        "C:\\zones\\UTC", "Europe/Amsterdam\n", "Europe/\x07", "x" * 65, 5, None, ["UTC"],
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_zone_is_refused(phone, time_zone):
    result = phone.push(factories.pain(5, time_zone=time_zone)).json()["results"][0]

    assert (result["status"], result["pointer"]) == ("rejected", "/time_zone")


def test_an_instant_under_another_offset_is_the_same_record_and_keeps_the_first_offset(phone):
    sent = factories.pain(5, recorded_at="2026-11-20T08:00:00+09:00", time_zone="Asia/Tokyo")
    record = kept(phone, sent)

    again = phone.push(sent | {"recorded_at": "2026-11-19T23:00:00Z"}).json()["results"][0]

    assert again["status"] == "replayed"
    assert phone.get(f"records/{sent['id']}").json() == record


def test_a_former_version_and_a_tombstone_keep_the_offset(phone):
    sent = factories.pain(5, recorded_at="2026-11-20T08:00:00+09:00", time_zone="Asia/Hanoi")
    kept(phone, sent)
    phone.push(sent | {"revision": 2, "recorded_at": "2026-11-20T08:00:00+10:00"})

    removed = phone.call("DELETE", f"records/{sent['id']}").json()["record"]

    versions = phone.get(f"records/{sent['id']}/history").json()["versions"]
    assert (removed["removed"], removed["recorded_at"]) == (True, "2026-11-20T08:00:00+10:00")
    assert [version["recorded_at"][-6:] for version in versions] == ["+10:00", "+10:00", "+09:00"]
    assert {version["zone_check"] for version in versions} == {"unknown_zone"}


def test_a_safety_answer_of_an_unknown_zone_alerts_on_the_day_of_its_offset(world, phone):
    phone.push(factories.phq9([0] * 8 + [2], recorded_at="2026-11-20T00:30:00+07:00", time_zone="Asia/Hanoi"))

    with as_clinic(world.clinic.pk):
        assert Alert.objects.get(rule="phq9_item9").answered_on == date(2026, 11, 20)


def test_the_last_value_is_that_of_the_newest_instant_wherever_somebody_flies(world, phone):
    tokyo = factories.daily(mood=2) | {"recorded_at": "2026-11-20T08:00:00+09:00", "time_zone": "Asia/Tokyo"}
    later = factories.daily(mood=9) | {
        "recorded_at": "2026-11-19T19:30:00-05:00",
        "time_zone": "America/New_York",
    }
    phone.push(tokyo, later)

    told = current(phone, "daily.mood")["current"]

    assert (told["last"], told["last_on"], told["week_n"]) == (9, "2026-11-19", 2)


def test_the_newest_questionnaire_of_a_summary_is_that_of_the_newest_instant(world, phone):
    phone.push(
        factories.phq9([0] * 9, recorded_at="2026-11-20T08:00:00+09:00", time_zone="Asia/Tokyo"),
        factories.phq9([1] * 8 + [0], recorded_at="2026-11-19T19:30:00-05:00", time_zone="America/New_York"),
    )
    progress.refresh_stale(at=timezone.now())

    with as_clinic(world.clinic.pk):
        facts = progress.load(Patient.objects.get(pk=world.ada.pk))[Category.MOOD]
    figures = trends.weekly_figures(facts, date(2026, 11, 16), date(2026, 11, 22))
    now = next(row["now"] for row in figures["measures"] if row["measure"] == "phq-9")
    assert now
    assert now["value"] == 8
    assert current(phone, "phq-9")["current"]["last"] == 8


def test_an_entry_of_a_clock_that_is_ahead_counts_in_no_number_and_is_flagged(world, phone):
    now = timezone.now().replace(microsecond=0)
    ahead = factories.pain(9, recorded_at=(now + 12 * HOUR).isoformat())
    far = factories.pain(8, recorded_at="2030-01-01T08:00:00Z")
    true = factories.pain(2, recorded_at=now.isoformat())
    phone.push(ahead, far, true)
    progress.refresh_stale(at=now + HOUR)

    told = current(phone, "pain.intensity")
    assert (told["current"]["last"], told["current"]["week_mean"], told["current"]["baseline"]) == (2, 2, 2)
    assert [(row["value"], row["clock_skew"], row["counted"]) for row in told["observations"]] == [
        (2, "none", True), (9, "ahead", False), (8, "ahead", False),
    ]  # fmt: skip
    last = (now + timedelta(days=3)).date().isoformat()
    by_day = phone.get(f"observations/daily?measure=pain.intensity&to={last}").json()["days"]
    assert [(row["n"], row["max"], row["last"]) for row in by_day] == [(1, 2, 2)]
    with as_clinic(world.clinic.pk):
        facts = progress.load(Patient.objects.get(pk=world.ada.pk))[Category.PAIN]
    assert [value.mean for value in facts.values["pain.intensity"]] == [2]
    assert sum(n for kinds in facts.entries.values() for n in kinds.values()) == 1


def test_an_entry_of_a_clock_that_believes_in_1970_counts_in_no_number_and_is_flagged(phone):
    phone.push(factories.pain(9, recorded_at="1970-01-02T00:00:00Z"), factories.pain(2))

    told = current(phone, "pain.intensity")
    assert [(row["value"], row["clock_skew"], row["counted"]) for row in told["observations"]] == [
        (9, "behind", False),
        (2, "behind", True),
    ]
    assert told["current"]["baseline"] == 2
    days_of_1970 = phone.get("observations/daily?measure=pain.intensity&from=1970-01-01&to=1970-02-01").json()
    assert days_of_1970["days"] == []


def test_a_measure_with_nothing_but_a_wrong_clock_has_no_current_value(world, phone):
    sent = factories.pain(9, recorded_at=(timezone.now() + HOUR).isoformat())
    phone.push(sent)

    assert current(phone, "pain.intensity")["current"] is None
    with as_clinic(world.clinic.pk):
        assert not MeasureState.objects.exists()
    assert rebuild.check().differences == []


SLEPT = {"bed_at": "2026-11-18T23:00:00-05:00", "up_at": "2026-11-19T07:00:00-05:00", "hours": 8}


@pytest.mark.parametrize(
    ("recorded_at", "data", "time_zone", "local_date"),
    [
        ("2026-11-19T07:30:00-05:00", SLEPT, "America/New_York", "2026-11-19"),
        ("2026-11-20T00:20:00-05:00", SLEPT, "America/New_York", "2026-11-19"),
        ("2026-11-24T12:00:00-05:00", SLEPT, "America/New_York", "2026-11-19"),
        ("2026-11-20T00:20:00-05:00", {"up_at": SLEPT["up_at"]}, "America/New_York", "2026-11-19"),
        ("2026-11-20T00:20:00-05:00", SLEPT, "America/Nowhere", "2026-11-19"),
        # Who gets up in one zone and writes in another: the day of the place where they write.
        ("2026-11-19T23:00:00+09:00", SLEPT, "Asia/Tokyo", "2026-11-19"),
        # Without the getting up there is the entry alone.
        ("2026-11-20T00:20:00-05:00", {"hours": 8}, "America/New_York", "2026-11-20"),
        ("2026-11-20T00:20:00-05:00", {"bed_at": SLEPT["bed_at"]}, "America/New_York", "2026-11-20"),
    ],
)
def test_a_night_belongs_to_the_day_of_waking(world, phone, recorded_at, data, time_zone, local_date):
    record = kept(phone, factories.record("sleep", data, recorded_at=recorded_at, time_zone=time_zone))

    assert record["local_date"] == local_date
    assert record["entered_late"] is (days.local_day(timezone.now(), "UTC") > date.fromisoformat(local_date))
    with as_clinic(world.clinic.pk):
        assert {row.local_date.isoformat() for row in Observation.objects.all()} <= {local_date}
    assert rebuild.check().differences == []


def test_the_last_night_is_the_one_that_was_slept_last_whenever_it_was_typed(phone):
    week_ago = {"up_at": "2026-11-12T07:00:00-05:00", "hours": 4}
    phone.push(
        factories.record("sleep", SLEPT, recorded_at="2026-11-19T08:00:00-05:00"),
        factories.record("sleep", week_ago, recorded_at="2026-11-19T08:05:00-05:00"),
    )

    told = current(phone, "sleep.hours")
    assert (told["current"]["last"], told["current"]["last_on"]) == (8, "2026-11-19")
    assert [row["at"] for row in told["observations"]] == ["2026-11-12T12:00:00Z", "2026-11-19T12:00:00Z"]


def test_a_night_that_is_still_to_come_counts_in_no_number(phone):
    up_at = datetime.now(UTC) + 20 * HOUR
    record = kept(
        phone,
        factories.record(
            "sleep", {"up_at": up_at.isoformat(), "hours": 8}, recorded_at=datetime.now(UTC).isoformat()
        ),
    )

    assert record["clock_skew"] == "ahead"
    assert current(phone, "sleep.hours")["current"] is None


def test_an_amendment_that_keeps_the_instant_of_a_wrong_clock_does_not_set_it_right(world, phone):
    ahead = factories.pain(9, recorded_at=(timezone.now() + 2 * HOUR).isoformat())
    phone.push(ahead)
    with time_machine.travel(timezone.now() + 3 * HOUR):
        later = Phone(world.ada.user)
        later.push(ahead | {"revision": 2, "data": {"intensity": 8}})
        assert later.get(f"records/{ahead['id']}").json()["clock_skew"] == "ahead"
        later.push(
            ahead | {"revision": 3, "data": {"intensity": 7}},
            ahead | {"revision": 4, "data": {"intensity": 6}},
        )
        assert later.get(f"records/{ahead['id']}").json()["clock_skew"] == "ahead"
        assert current(later, "pain.intensity")["current"] is None
        assert rebuild.check().differences == []

        true = {"recorded_at": (timezone.now() - HOUR).isoformat()}
        later.push(ahead | {"revision": 5, "data": {"intensity": 5}} | true)

        assert later.get(f"records/{ahead['id']}").json()["clock_skew"] == "none"
        assert current(later, "pain.intensity")["current"]["last"] == 5

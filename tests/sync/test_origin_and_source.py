"""What is brought along from elsewhere counts however old it is, and a watch and a phone do not count double."""

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.records import reading_source
from tracker.records.models import MeasureState
from tracker.records.reading_source import Source

# Ada was enrolled on 5 January 2026.
YEARS_AGO = datetime.fromisoformat("2023-05-01T09:00:00+02:00")
WATCH, PHONE = {"device": "watch", "app": "Health"}, {"device": "phone", "app": "Health"}
CUFF = {"device": "medical_device", "who": "device"}
TYPED = {"device": "phone", "who": "patient"}
SAID, READ_OFF = {"device": "phone", "who": "caregiver"}, {"device": "medical_device", "who": "caregiver"}


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def pain(value: int, at: datetime, **more: Any) -> dict[str, Any]:
    return factories.pain(value, recorded_at=at.isoformat(), **more)


def pulse(value: int, source: Any = None, **more: Any) -> dict[str, Any]:
    return factories.record("vitals", {"heart_rate": value}, **({"source": source} if source else {}), **more)


def counted(phone: Phone, measure: str) -> list[float]:
    rows = phone.get(f"observations?measure={measure}").json()["observations"]
    return sorted(row["value"] for row in rows if row["counted"])


def by_day(phone: Phone, measure: str, on: str = "2026-03-02") -> list[dict[str, Any]]:
    days = phone.get(f"observations/daily?measure={measure}&from={on}&to={on}").json()["days"]
    return [{name: day[name] for name in ("n", "mean")} for day in days]


def test_a_history_that_is_marked_as_imported_counts_and_one_that_is_not_is_a_wrong_clock(phone):
    imported, other = pain(6, YEARS_AGO, origin="imported"), pain(9, YEARS_AGO)
    phone.push(imported, other)

    rows = phone.get("observations?measure=pain.intensity").json()["observations"]

    told = {(row["value"], row["imported"], row["counted"], row["clock_skew"]) for row in rows}
    assert told == {(6, True, True, "none"), (9, False, False, "behind")}
    assert by_day(phone, "pain.intensity", "2023-05-01") == [{"n": 1, "mean": 6}]
    assert phone.get("observations?measure=pain.intensity").json()["current"]["last"] == 6


def test_an_imported_record_says_so_wherever_it_is_read_and_another_one_says_nothing(phone):
    imported, own = pain(6, YEARS_AGO, origin="imported"), factories.pain(5, origin="entered")
    phone.push(imported, own)

    pulled = {record["id"]: record for record in phone.get("sync/pull").json()["records"]}
    (version,) = phone.get(f"records/{imported['id']}/history").json()["versions"]
    assert pulled[imported["id"]]["origin"] == version["origin"] == "imported"
    assert "origin" not in pulled[own["id"]]


def test_an_imported_record_from_a_clock_that_is_ahead_counts_in_no_number(phone):
    phone.push(pain(6, datetime.fromisoformat("2090-01-01T10:00:00+01:00"), origin="imported"))

    assert counted(phone, "pain.intensity") == []


def test_an_imported_positive_answer_alerts_as_any_other(phone):
    form = factories.phq9([0] * 8 + [2], recorded_at=YEARS_AGO.isoformat(), origin="imported")

    assert "guidance" in phone.push(form).json()


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ([(60, WATCH), (80, PHONE)], [60]),
        ([(80, PHONE), (60, WATCH), (62, WATCH)], [60, 62]),
        ([(60, WATCH), (70, CUFF)], [70]),
        ([(60, WATCH), (65, None)], [65]),
        ([(60, WATCH), (65, TYPED), (66, None)], [65, 66]),
        ([(60, WATCH | {"app": "Beta"}), (61, WATCH | {"app": "Alpha"})], [61]),
        ([(60, {"app": "Alpha"}), (80, PHONE)], [80]),
        ([(60, None), (61, None)], [60, 61]),
        ([(60, SAID), (65, None)], [65]),
        ([(60, SAID), (80, PHONE)], [80]),
        ([(60, SAID), (62, SAID)], [60, 62]),
        ([(60, WATCH), (70, READ_OFF)], [70]),
    ],
)
def test_of_one_measure_and_one_day_the_readings_of_one_source_count(phone, sent, expected):
    phone.push(*[pulse(value, source) for value, source in sent])

    assert counted(phone, "vitals.heart_rate") == expected
    mean = sum(expected) / len(expected)
    assert by_day(phone, "vitals.heart_rate") == [{"n": len(expected), "mean": mean}]
    assert phone.get("observations?measure=vitals.heart_rate").json()["current"]["week_mean"] == mean


def test_a_source_counts_on_the_days_and_for_the_measures_of_which_no_other_comes_first(phone):
    day_later = (factories.MONDAY + timedelta(days=1)).isoformat()
    both = factories.record("vitals", {"heart_rate": 80, "spo2": 97}, source=PHONE)
    phone.push(pulse(60, WATCH), both, pulse(81, PHONE, recorded_at=day_later))

    assert counted(phone, "vitals.heart_rate") == [60, 81]
    assert counted(phone, "vitals.spo2") == [97]


def test_a_reading_counts_as_soon_as_the_one_before_it_is_removed(phone):
    worn = pulse(60, WATCH)
    phone.push(worn, pulse(80, PHONE))
    removal = {name: value for name, value in worn.items() if name not in ("data", "source")}
    phone.push(removal | {"revision": 2, "removed": True})

    assert counted(phone, "vitals.heart_rate") == [80]
    assert phone.get("observations?measure=vitals.heart_rate").json()["current"]["last"] == 80


def test_the_source_of_a_reading_comes_back_as_it_was_sent_and_rederives(world, phone):
    record = pulse(60, WATCH | {"who": "device"}, origin="imported")
    phone.push(record, pulse(80, PHONE), pain(6, YEARS_AGO, origin="imported"))
    out = StringIO()

    assert phone.get(f"records/{record['id']}").json()["source"] == record["source"]
    call_command("rederive", stdout=out)
    assert "No difference." in out.getvalue()
    with as_clinic(world.clinic.pk):
        MeasureState.objects.all().delete()
    call_command("rederive", "--apply", stdout=out)
    assert phone.get("observations?measure=vitals.heart_rate").json()["current"]["last"] == 60


@pytest.mark.parametrize(
    ("source", "pointer", "code"),
    [
        ({}, "/source", "empty"),
        ({"device": "toaster"}, "/source/device", "not_offered"),
        ({"app": "<b>"}, "/source/app", "bad_format"),
        ({"device": "watch", "serial": "1"}, "/source/serial", "unknown_field"),
    ],
)
def test_a_source_that_says_nothing_or_something_else_is_refused_by_name(phone, source, pointer, code):
    result = phone.push(factories.pain(5, source=source)).json()["results"][0]

    assert (result["status"], result["pointer"], result["code"]) == ("rejected", pointer, code)


def test_sources_are_in_the_order_that_the_documentation_names():
    sources = [
        None, Source(device="other", who="patient"), Source(device="medical_device"), Source(device="ring"),
        Source(device="watch", app="A"), Source(device="watch", app="B"), Source(device="phone"), Source(app="A"),
    ]  # fmt: skip
    orders = [reading_source.order(source) for source in sources]

    assert orders == sorted(orders)
    assert len(set(orders)) == len(orders) - 1

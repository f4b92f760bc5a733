"""A number is its value and an instant is its moment, however a phone spells them."""

import json
from decimal import Decimal
from typing import Any

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tests.sync.test_kinds import WHOLE
from tracker.records.models import Observation


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def spelt(value: Any) -> Any:
    """The same JSON with each integer as a decimal number."""
    if isinstance(value, dict):
        return {name: spelt(part) for name, part in value.items()}
    if isinstance(value, list):
        return [spelt(part) for part in value]
    return float(value) if type(value) is int else value


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_every_integer_of_every_kind_may_be_spelt_as_a_decimal_number(phone, kind):
    sent = factories.record(kind, WHOLE[kind])

    first = phone.push(spelt(sent)).json()["results"][0]
    again = phone.push(sent).json()["results"][0]

    assert (first["status"], again["status"]) == ("stored", "replayed")
    data = phone.get(f"records/{sent['id']}").json()["data"]
    assert (data, repr(data)) == (WHOLE[kind], repr({name: data[name] for name in data}))


@pytest.mark.parametrize("written", ["3.0", "3e0", "30e-1", "3.0000000000000004", "2.9999999999999996"])
def test_an_integer_is_stored_by_its_value(phone, written):
    sent = factories.pain(0)
    body = f'{{"kind": "pain", "id": "{sent["id"]}", "revision": 1.0, "recorded_at": "{sent["recorded_at"]}",'
    body += f' "time_zone": "{sent["time_zone"]}", "data": {{"intensity": {written}}}}}'

    answer = phone.call("POST", "records", body.encode())

    assert answer.status_code == 201
    assert '"intensity":3}' in answer.content.decode().replace(" ", "")


@pytest.mark.parametrize("intensity", [True, "3", 3.4, 10.5, [3], 1e30])
def test_what_is_not_an_integer_by_value_is_refused(phone, intensity):
    assert phone.push(factories.pain(intensity)).json()["results"][0]["status"] == "rejected"


def test_bodies_that_are_no_record_take_integers_by_value_too(world):
    ben = Phone(world.ben.user)

    answer = ben.post(
        "check-ins", {"patient": str(world.ada.pk), "starts_at": "2199-11-20T10:00:00z", "minutes": 20.0}
    )

    assert (answer.status_code, answer.json()["minutes"]) == (201, 20)


@pytest.mark.parametrize(
    ("kind", "name", "sent", "kept"),
    [
        ("vitals", "temperature_c", 38.39999999999998, 38.4),
        ("vitals", "temperature_c", 45.00000000000001, 45.0),
        ("vitals", "temperature_c", 29.96, 30.0),
        ("vitals", "weight_kg", 70.30681350000001, 70.31),
        ("sleep", "hours", 7.33, 7.33),
        ("sleep", "hours", 7.333333333333333, 7.33),
        ("sleep", "hours", -1e-15, 0.0),
        ("daily", "sleep_hours", 7.33, 7.33),
        ("daily", "sleep_hours", 6.1, 6.1),
        ("medication_use", "dose_value", 0.30000000000000004, 0.3),
        ("medication_use", "dose_value", 2.5004999, 2.5),
    ],
)
def test_noise_below_the_last_decimal_is_rounded_and_never_refused(world, phone, kind, name, sent, kept):
    data = (
        {"medication": "ketamine", "outcome": "taken", "dose_unit": "mg"} if kind == "medication_use" else {}
    )
    record = factories.record(kind, data | {name: sent})

    assert phone.push(record).json()["results"][0]["status"] == "stored"

    assert phone.get(f"records/{record['id']}").json()["data"][name] == kept
    with as_clinic(world.clinic.pk):
        value = Observation.objects.get(source_id=record["id"]).value
    assert Decimal(repr(value)) == Decimal(repr(kept))


def test_a_dose_in_micrograms_is_a_number_of_milligrams_without_noise(world, phone):
    phone.push(
        factories.record(
            "medication_use",
            {"medication": "fentanyl", "outcome": "taken", "dose_value": 12.3, "dose_unit": "mcg"},
        )
    )

    with as_clinic(world.clinic.pk):
        assert Observation.objects.get(measure="dose.fentanyl").value == 0.0123


def test_an_answer_counts_by_its_value_and_by_any_name_of_its_item(world, phone):
    answers = {"pain_avg": 3.0000000000000004, "3": 6.0, "sleep_hours": 7.333333333333333}
    sent = factories.record(
        "response",
        {"instrument": "daily-log", "version": "project-1", "answers": answers, "status": "complete"},
    )

    result = phone.push(sent).json()["results"][0]

    assert result["status"] == "stored", result
    with as_clinic(world.clinic.pk):
        values = dict(Observation.objects.filter(source_id=sent["id"]).values_list("measure", "value"))
    assert values["daily.sleep_hours"] == 7.33


@pytest.mark.parametrize(
    "recorded_at",
    [
        "2026-03-02t08:00:00z",
        "2026-03-02T08:00:00z",
        "2026-03-02t08:00:00Z",
        "2026-03-02 08:00:00.000000000z",
        "2026-03-02t09:00:00+01:00",
    ],
)
def test_an_instant_may_be_spelt_in_small_letters(phone, recorded_at):
    sent = factories.record(
        "sleep",
        {"bed_at": "2026-03-01t22:00:00z", "up_at": "2026-03-02t07:00:00+01:00"},
        recorded_at=recorded_at,
    )

    assert phone.push(sent).json()["results"][0]["status"] == "stored"
    assert (
        phone.push(sent | {"recorded_at": "2026-03-02T08:00:00Z"}).json()["results"][0]["status"]
        == "replayed"
    )


NOT_DAYS = [
    "2026-W47-5",
    "2026-W475-",
    "20261120",
    "2026-324",
    "2026-11-31",
    "2026-11-20 ",
    "٢٠٢٦-11-20",
    "2026-1-200",
]


@pytest.mark.parametrize("day", NOT_DAYS)
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("observations?measure=daily.mood&", ("from", "to")),
        ("observations/daily?measure=daily.mood&", ("from", "to")),
        ("records?", ("since", "until")),
    ],
)
def test_a_day_in_a_query_is_written_as_documented(phone, path, names, day):
    for name in names:
        answer = phone.get(f"{path}{name}={day}")

        assert answer.status_code == 400
        assert answer.json()["errors"][0]["parameter"] == name


# Beyond 64 bits, or digits that a database gives back as an integer of any length.
HUGE = [
    "9007199254740992",
    "9007199254740993",
    "-9007199254740993",
    "18446744073709551616",
    "-9223372036854775809",
    "1e20",
    "1e300",
]


def _numbers(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The places of the numbers in a document."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [found for key, part in items for found in _numbers(part, (*place, key))]
    return [place] if type(value) in (int, float) else []


def _with(value: Any, place: tuple[str | int, ...], other: Any) -> Any:
    if not place:
        return other
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[place[0]] = _with(value[place[0]], place[1:], other)  # type: ignore[index]
    return copy


@pytest.mark.parametrize("kind", sorted(WHOLE))
def test_a_number_beyond_what_is_exact_is_refused_wherever_it_stands_in_a_record(phone, kind):
    records = [
        factories.record(kind, _with(WHOLE[kind], place, f"@{huge}@"))
        for place in _numbers(WHOLE[kind])
        for huge in HUGE
    ]
    body = json.dumps(phone.batch(*records))
    for huge in HUGE:
        body = body.replace(f'"@{huge}@"', huge)

    results = phone.call("POST", "sync/push", body.encode()).json()["results"]

    assert {result["status"] for result in results} <= {"rejected"}
    assert {result["code"] for result in results} <= {"out_of_range", "wrong_type"}


@pytest.mark.parametrize("version", ["1999", "2031-x"])
@pytest.mark.parametrize("huge", HUGE)
def test_an_answer_beyond_what_is_exact_is_refused_by_name_and_a_safety_answer_alerts(
    world, phone, version, huge
):
    sent = factories.record(
        "response",
        {"instrument": "phq-9", "version": version, "status": "draft", "answers": {"/44260-8": "@"}},
    )

    answer = phone.call(
        "POST", "sync/push", json.dumps(phone.batch(sent)).replace('"@"', huge).encode()
    ).json()

    (result,) = answer["results"]
    assert (result["status"], result["code"], result["pointer"]) == (
        "rejected",
        "out_of_range",
        "/data/answers/~144260-8",
    )
    assert answer["alerted"] is True


@pytest.mark.parametrize("exact", [2**53 - 1, 1 - 2**53, 0.1, 1e15])
def test_an_answer_up_to_what_is_exact_comes_back_as_it_was_sent(phone, exact):
    sent = factories.record(
        "response",
        {"instrument": "gad-7", "version": "2031-x", "status": "complete", "answers": {"item1": exact}},
    )

    assert phone.push(sent).json()["results"][0]["status"] == "stored"
    assert phone.get(f"records/{sent['id']}").json()["data"]["answers"] == {"item1": exact}

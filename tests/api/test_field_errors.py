"""One bad value, one code, one pointer, whichever route it is sent to."""

import json

import pytest

from tests import factories
from tests.phone import Phone


@pytest.fixture
def phone(world: factories.World) -> Phone:
    return Phone(world.ada.user)


def place(error):
    return error["pointer"], error["code"], error["detail"]


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"data": {"intensity": 11}}, "/data/intensity", "out_of_range"),
        ({"data": {"intensity": "6"}}, "/data/intensity", "wrong_type"),
        ({"data": {}}, "/data/intensity", "missing_field"),
        ({"data": {"intensity": 3, "colour": 1}}, "/data/colour", "unknown_field"),
        ({"data": {"intensity": 3, "trigger": "x"}}, "/data/trigger", "not_offered"),
        ({"data": {"intensity": 3, "a/b": 1}}, "/data/a~1b", "unknown_field"),
        ({"time_zone": "localtime"}, "/time_zone", "unknown_time_zone"),
        ({"kind": "else"}, "/kind", "unknown_kind"),
    ],
)
def test_a_bad_value_gets_the_same_code_and_pointer_by_push_and_by_the_routes_of_one_record(
    phone, change, pointer, code
):
    bad = factories.pain(5) | change

    pushed = phone.push(bad).json()["results"][0]
    added = phone.post("records", bad)
    amended = phone.call("PUT", f"records/{bad['id']}", bad)

    assert (added.status_code, amended.status_code) == (400, 400)
    (of_post,), (of_put,) = added.json()["errors"], amended.json()["errors"]
    assert place(pushed) == place(of_post) == place(of_put)
    assert place(pushed)[:2] == (pointer, code)


@pytest.mark.parametrize(
    ("route", "body", "pointer", "code"),
    [
        ("me/consents", {"text_version": "1", "teams": []}, "/text_version", "wrong_type"),
        ("me/consents", {"text_version": 1, "teams": [{"categories": []}]}, "/teams/0/team", "missing_field"),
        ("me/consents", {"text_version": 1, "else": 1}, "/else", "unknown_field"),
    ],
)
def test_every_other_route_has_the_same_codes_and_pointers(phone, route, body, pointer, code):
    errors = phone.call("PUT", route, body).json()["errors"]

    assert (pointer, code) in {(error["pointer"], error["code"]) for error in errors}


def test_a_number_off_the_scale_has_the_code_of_a_record_on_every_route(world, phone):
    pushed = phone.push(factories.pain(11)).json()["results"][0]
    body = {"patient": str(world.ada.pk), "starts_at": "2099-01-01T10:00:00Z", "minutes": 241}
    planned = Phone(world.ben.user).post("check-ins", body).json()["errors"][0]

    assert (pushed["pointer"], planned["pointer"]) == ("/data/intensity", "/minutes")
    assert pushed["code"] == planned["code"]
    said = [error["detail"].partition(":")[0] for error in (pushed, planned)]
    assert said == ["The value is out of range"] * 2


def test_a_category_in_another_case_or_unknown_is_not_offered(world, phone):
    for wrong in ("PAIN", "else"):
        body = {"text_version": 1, "teams": [{"team": str(world.team.pk), "categories": [wrong]}]}
        (error,) = phone.call("PUT", "me/consents", body).json()["errors"]

        assert (error["pointer"], error["code"]) == ("/teams/0/categories/0", "not_offered")


NUL, HALF_A_CHARACTER = "a\x00b", "\ud83d"


@pytest.mark.parametrize("bad", [NUL, HALF_A_CHARACTER])
@pytest.mark.parametrize(
    ("kind", "data", "pointer"),
    [
        ("journal", {"text": "{}"}, "/data/text"),
        ("pain", {"intensity": 3, "trigger": "{}"}, "/data/trigger"),
        ("pain", {"intensity": 3, "{}": 1}, None),
        ("response", {"instrument": "phq-9", "version": "1999", "status": "draft", "answers": {"/1": "{}"}},
         "/data/answers/~11"),
        ("response", {"instrument": "phq-9", "version": "1999", "status": "draft", "answers": {"{}": 1}}, None),
    ],
)  # fmt: skip
def test_bad_text_rejects_its_record_alone_with_the_pointer_of_its_field(phone, kind, data, pointer, bad):
    def filled(value):
        if isinstance(value, dict):
            return {key.replace("{}", bad): filled(part) for key, part in value.items()}
        return value.replace("{}", bad) if isinstance(value, str) else value

    record = factories.record(kind, filled(data))
    pushed, stored = phone.push(record, factories.pain(4)).json()["results"]
    added = phone.post("records", record)

    assert (pushed["status"], stored["status"], added.status_code) == ("rejected", "stored", 400)
    (error,) = added.json()["errors"]
    assert (error["pointer"], error["code"]) == (pushed["pointer"], pushed["code"])
    # A key that cannot be shown is shown with U+FFFD.
    assert pushed["pointer"] == pointer if pointer else "\ufffd" in pushed["pointer"]


@pytest.mark.parametrize("bad", [NUL, HALF_A_CHARACTER])
@pytest.mark.parametrize(
    ("method", "route", "body", "pointer"),
    [
        ("POST", "devices", {"id": "0191d6a0-0000-7000-8000-000000000001", "label": "{}"}, "/label"),
        ("POST", "me/caregivers", {"name": "{}", "categories": ["pain"]}, "/name"),
        (
            "PUT",
            "me/consents",
            {"text_version": 1, "teams": [{"team": "{}", "categories": []}]},
            "/teams/0/team",
        ),
    ],
)
def test_bad_text_is_refused_by_field_on_every_other_route(phone, method, route, body, pointer, bad):
    sent = json.dumps(body).replace("{}", json.dumps(bad)[1:-1])

    response = phone.call(method, route, sent.encode())

    assert response.status_code == 400
    assert pointer in {error["pointer"] for error in response.json()["errors"]}


@pytest.mark.parametrize(
    ("route", "parameter", "code"),
    [
        ("records?limit=0", "limit", "out_of_range"),
        ("records?limit=٣", "limit", "wrong_type"),
        ("records?limit=5&limit=6", "limit", "duplicate"),
        ("records?kind=weather", "kind", "not_offered"),
        ("records?since=soon", "since", "not_a_day"),
        ("records?measure=luck", "measure", "unknown_measure"),
        ("records?a~b%2Fc=1", "a~b/c", "unknown_field"),
        ("observations", "measure", "missing_field"),
        ("observations?measure=dose.%00", "measure", "unknown_measure"),
        ("observations?measure=pain.intensity&from=2026-W10-1", "from", "not_a_day"),
        ("observations/daily?measure=pain.intensity&from=2020-01-01&to=2026-01-01", "from", "out_of_range"),
        ("summaries?patient=x", "patient", "not_a_uuid"),
        ("me/access-log?own=maybe", "own", "not_offered"),
        ("sync/pull?cursor=%00", "cursor", "bad_text"),
    ],
)
def test_a_query_parameter_that_cannot_be_taken_has_its_name_and_the_code_of_a_field(
    phone, route, parameter, code
):
    response = phone.get(route)

    assert response.status_code == 400
    assert [(one["parameter"], one["code"]) for one in response.json()["errors"]] == [(parameter, code)]


def test_staff_who_name_no_patient_are_told_which_parameter_is_missing(world):
    (error,) = Phone(world.ben.user).get("records").json()["errors"]

    assert (error["parameter"], error["code"]) == ("patient", "missing_field")


def test_a_cursor_of_another_measure_or_list_is_invalid(phone):
    phone.push(*(factories.pain(n) for n in range(3)))
    cursor = phone.get("observations?measure=pain.intensity&limit=1").json()["next"]

    for route in ("observations?measure=daily.mood&", "records?", "sync/pull?", "me/access-log?"):
        response = phone.get(f"{route}cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("route", "narrower"),
    [
        ("observations?measure=pain.intensity", "&from=2026-03-01"),
        ("records?since=2026-01-01", "&kind=pain"),
        ("me/access-log?own=yes", None),
    ],
)
def test_a_cursor_belongs_to_its_reader_and_filters(world, phone, route, narrower):
    phone.push(*(factories.pain(n) for n in range(3)))
    phone.get("me")
    cursor = phone.get(f"{route}&limit=1").json()["next"]
    others = [route.replace("yes", "no") if narrower is None else route + narrower]

    assert phone.get(f"{route}&limit=2&cursor={cursor}").status_code == 200
    for other in others:
        assert phone.get(f"{other}&cursor={cursor}").json()["code"] == "invalid_cursor"
    if "own" not in route:
        colleague = Phone(world.ben.user).get(f"{route}&patient={world.ada.pk}&cursor={cursor}")
        assert colleague.json()["code"] == "invalid_cursor"


def test_all_that_is_wrong_with_a_record_is_told_at_once_on_every_route(phone):
    bad = factories.pain(11, time_zone="localtime", recorded_at="yesterday", note="x")
    wrong = {
        ("/data/intensity", "out_of_range"), ("/time_zone", "unknown_time_zone"), ("/note", "unknown_field"),
        ("/recorded_at", "not_an_instant"),
    }  # fmt: skip
    batch = phone.batch(bad)

    first, again = (phone.post("sync/push", batch).json()["results"][0] for _ in range(2))
    added, amended = phone.post("records", bad).json(), phone.call("PUT", f"records/{bad['id']}", bad).json()

    for errors in (first["errors"], again["errors"], added["errors"], amended["errors"]):
        assert {(error["pointer"], error["code"]) for error in errors} == wrong
    assert (first["pointer"], first["code"]) == (first["errors"][0]["pointer"], first["errors"][0]["code"])


def test_every_answer_that_cannot_be_used_is_told_at_once(phone):
    bad = factories.phq9([4, 5, 0, 0, 0, 0, 0, 0, 0])

    first, again = (
        phone.post("sync/push", batch).json()["results"][0] for batch in [phone.batch(bad)] for _ in range(2)
    )
    added = phone.post("records", bad).json()

    places = ["/data/answers/~144250-9", "/data/answers/~144255-8"]
    for errors in (first["errors"], again["errors"], added["errors"]):
        assert [error["pointer"] for error in errors] == places
    assert "offers 0, 1, 2, 3" in added["errors"][0]["detail"]


def test_a_single_error_of_a_pushed_record_is_told_once(phone):
    assert "errors" not in phone.push(factories.pain(11)).json()["results"][0]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"recorded_at": "2026-03-02 08:15"}, "such as 2026-03-02T08:15:00+01:00"),
        ({"id": "1"}, "such as 0196f0a1-0000-7000-8000-000000000001"),
        ({"data": {"intensity": 11}}, "out of range: at most 10."),
        ({"data": {"intensity": -1}}, "out of range: at least 0."),
        ({"data": {"intensity": "6"}}, "wrong type: a whole number."),
        ({"data": [6]}, "wrong type: an object."),
        ({"amendment_reason": "boredom"}, "one of typo, remembered"),
    ],
)
def test_an_explanation_says_what_is_asked_for(phone, change, told):
    assert told in phone.push(factories.pain(5) | change).json()["results"][0]["detail"]

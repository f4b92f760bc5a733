"""One bad value, one code, one pointer, whichever route it is sent to."""

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
        ({"time_zone": "Mars/Olympus"}, "/time_zone", "unknown_time_zone"),
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
    assert (pushed["code"], pushed["detail"]) == (planned["code"], planned["detail"])


def test_a_category_in_another_case_or_unknown_is_not_offered(world, phone):
    for wrong in ("PAIN", "else"):
        body = {"text_version": 1, "teams": [{"team": str(world.team.pk), "categories": [wrong]}]}
        (error,) = phone.call("PUT", "me/consents", body).json()["errors"]

        assert (error["pointer"], error["code"]) == ("/teams/0/categories/0", "not_offered")


def test_a_parameter_that_cannot_be_taken_is_named_as_one(phone):
    (error,) = phone.get("records?limit=0").json()["errors"]

    assert error == {"parameter": "limit", "code": "out_of_range"}

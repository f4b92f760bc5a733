"""The OpenAPI document: kept in git, and true of every role."""

import json
import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml
from django.core.management import call_command
from drf_spectacular import validation

from tests import factories, openapi
from tests.phone import Phone
from tracker.access import policy
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind
from tracker.api import urls as api
from tracker.api.queries import NoParameters
from tracker.clinics.models import Role
from tracker.lib import codes

NOBODY = "00000000-0000-4000-8000-000000000000"
FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"


def test_the_openapi_document_in_git_is_that_of_the_code(tmp_path):
    """If this fails: ``./dev manage spectacular --file docs/openapi.yaml``, and look at the difference."""
    fresh = tmp_path / "openapi.yaml"
    call_command("spectacular", file=str(fresh), fail_on_warn=True)

    assert FILE.read_text() == fresh.read_text()


def test_the_openapi_document_is_one_of_openapi_3_1():
    """What ``spectacular --validate`` looks at, in a hundredth of its time."""
    rules = json.loads((Path(validation.__file__).parent / "openapi_3_1_schema.json").read_text())
    validator = jsonschema_rs.validator_for(rules)
    document = yaml.safe_load(FILE.read_text())

    assert [str(error) for error in validator.iter_errors(document)] == []
    assert list(validator.iter_errors(document | {"paths": {"api": {"get": 1}}}))


@pytest.mark.parametrize("role", Role.values)
def test_me_has_the_role_of_every_member_of_staff_as_the_openapi_document_says(world, role):
    member = factories.staff(world.clinic, "somebody", Role(role))

    assert Phone(member.user).get("me").json()["role"] == codes.to_wire(role)


def test_me_has_the_role_of_a_patient_and_of_a_caregiver_as_the_openapi_document_says(world):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(world.ada, carl, Category.PAIN)

    assert Phone(world.ada.user).get("me").json()["role"] == "patient"
    assert Phone(carl).get("me").json()["role"] == "caregiver"


def test_an_answer_that_the_openapi_document_does_not_describe_is_seen(world):
    phone = Phone(world.ada.user)

    for right, wrong in ((b':"patient"', b':"stranger"'), (b'"name"', b'"nom"'), (b"{", b'{"more":1,')):
        response = phone.get("me")
        del response._json
        response.content = response.content.replace(right, wrong, 1)

        assert openapi.problems("GET", "/api/v1/me", response)


def routes():
    """Each method of each view of the API that has a principal, with an address."""
    for pattern in api.urlpatterns:
        view = getattr(pattern.callback, "cls", None)
        address = re.sub(r"<uuid:\w+>", NOBODY, "/" + str(pattern.pattern))
        address = re.sub(r"<code:\w+>", "x", address)
        for method, action in getattr(view, "actions", {}).items():
            yield view, method, action, address


ROUTES = list(routes())


@pytest.mark.parametrize(
    ("view", "method", "action", "address"), ROUTES, ids=[f"{one[1]} {one[3]}" for one in ROUTES]
)
def test_every_route_refuses_an_unknown_query_parameter_by_name(world, view, method, action, address):
    roles = (world.ada, world.ben, factories.staff(world.clinic, "pia", Role.PRIVACY_OFFICER))
    who = roles[
        [policy.role_may(role, action) for role in ("PATIENT", "CLINICIAN", "PRIVACY_OFFICER")].index(True)
    ]

    response = Phone(who.user).call(method, address.removeprefix("/api/v1/") + "?who=me", {})

    assert response.status_code == 400
    assert {
        "parameter": "who",
        "code": "unknown_field",
        "detail": "This field is not known here.",
    } in response.json()["errors"]


@pytest.mark.parametrize(
    ("view", "method", "action", "address"), ROUTES, ids=[f"{one[1]} {one[3]}" for one in ROUTES]
)
def test_the_query_parameters_of_a_route_in_the_openapi_document_are_those_that_it_parses(
    view, method, action, address
):
    operation = openapi.operation(method, address)
    assert operation
    described = operation.get("parameters", ())
    fields = view.queries.get(method, NoParameters).model_fields

    assert {one["name"] for one in described if one["in"] == "query"} == {
        field.alias or name for name, field in fields.items()
    }

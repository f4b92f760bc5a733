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
from tracker.accounts import routes as sign_in_routes
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

    body: dict[str, str] | None = {} if method in sign_in_routes.UNSAFE_METHODS else None
    response = Phone(who.user).call(method, address.removeprefix("/api/v1/") + "?who=me", body)

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


OPERATIONS = [
    (f"{method} {path}", operation)
    for path, methods in openapi.document()["paths"].items()
    for method, operation in methods.items()
]
COMPONENTS = openapi.document()["components"]["schemas"]
# What a generator makes of a thing without a name, names that clash with its own, and numbers and hashes that change.
BAD_NAMES = re.compile(r"Response|Request|Error|Enum.*|.*(Enum|(?<!Check)In(Request)?|Out|[0-9]|_.*)|[a-z].*")


@pytest.mark.parametrize("operation", [one[1] for one in OPERATIONS], ids=[one[0] for one in OPERATIONS])
def test_every_operation_of_the_openapi_document_has_a_summary_a_known_tag_and_says_when_to_send_again(
    operation,
):
    tags = {tag["name"] for tag in openapi.document()["tags"] if tag["description"]}

    assert operation["summary"]
    assert len(operation["tags"]) == 1
    assert set(operation["tags"]) <= tags
    assert all(response["description"] for response in operation["responses"].values())
    for status in ("429", "503"):
        assert operation["responses"][status]["headers"]["Retry-After"]["required"]


def test_the_openapi_document_names_its_server_contact_licence_and_how_to_be_signed_in():
    document = openapi.document()

    assert document["servers"]
    assert document["info"]["contact"]["name"]
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["components"]["securitySchemes"]["SessionToken"]["description"]
    unsigned = [name for name, operation in OPERATIONS if not operation["security"]]
    assert unsigned == ["post /api/v1/invitations/accept"]


@pytest.mark.parametrize(
    ("view", "method", "action", "address"), ROUTES, ids=[f"{one[1]} {one[3]}" for one in ROUTES]
)
def test_x_device_stands_in_the_openapi_document_where_a_paired_phone_is_asked_for(
    view, method, action, address
):
    operation = openapi.operation(method, address)
    assert operation
    named = [one for one in operation.get("parameters", ()) if one["name"] == "X-Device"]

    assert bool(named) == (method not in view.methods_before_pairing)
    if named:
        staff = (*Role.values, "CAREGIVER")
        assert named[0].get("required", False) == (not any(policy.role_may(role, action) for role in staff))


def test_components_of_the_openapi_document_have_names_of_their_own():
    assert [name for name in COMPONENTS if BAD_NAMES.fullmatch(name)] == []
    for bad in ("Response", "CodeEnum", "StatusE3fEnum", "Record2", "CheckInOut", "CheckInInRequest", "a__b"):
        assert BAD_NAMES.fullmatch(bad)


def parts(schema):
    """Yield every schema in a schema, itself too, but for the conditions beside it."""
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)
    if isinstance(schema, dict):
        yield schema
        properties = schema.get("properties", {})
        for part in (
            *properties.values(),
            *(schema.get(key) for key in ("items", "anyOf", "oneOf", "allOf")),
        ):
            yield from parts(part)
        yield from parts(schema.get("additionalProperties"))


def test_every_list_of_codes_in_the_openapi_document_has_a_name():
    unnamed = [
        name
        for name, schema in COMPONENTS.items()
        for part in parts(schema)
        if "enum" in part and part is not schema
    ]

    assert unnamed == []


def test_an_optional_field_in_the_openapi_document_is_not_required_and_nothing_else():
    """Neither null, nor a default: a client leaves it out, and so does the server."""
    for name, schema in COMPONENTS.items():
        assert not any("default" in part for part in parts(schema)), name
        for field, part in schema.get("properties", {}).items():
            if field not in schema.get("required", ()):
                assert {"type": "null"} not in part.get("anyOf", ()), (name, field)

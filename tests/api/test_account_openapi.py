"""The OpenAPI document of sign-in: kept in git, of the routes that there are, and true of what they answer."""

import json
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.core.management import call_command
from django.urls import resolve
from drf_spectacular import validation

from tests import authenticator, factories
from tracker.api import account_openapi
from tracker.api.views import accounts

FILE = Path(__file__).resolve().parents[2] / "docs" / "openapi-accounts.yaml"
BASE = "/_allauth/app/v1/"
DOCUMENT = account_openapi.document()


def test_the_account_document_in_git_is_that_of_the_code(tmp_path, client):
    """If this fails: ``./dev manage account_schema --file docs/openapi-accounts.yaml``, and look at the difference."""
    fresh = tmp_path / "openapi.yaml"
    call_command("account_schema", file=fresh)

    assert FILE.read_text() == fresh.read_text()
    assert client.get("/api/v1/schema/accounts").content.decode() == fresh.read_text()


def test_the_account_document_is_one_of_openapi_3_1():
    rules = json.loads((Path(validation.__file__).parent / "openapi_3_1_schema.json").read_text())

    assert [str(error) for error in jsonschema_rs.validator_for(rules).iter_errors(DOCUMENT)] == []


def test_the_account_document_has_every_route_that_is_kept_and_no_other():
    described = {resolve(path).url_name for path in DOCUMENT["paths"]}

    assert described == accounts.KEPT


def resolved(part: Any) -> Any:
    if "$ref" in part:
        _, _, section, name = part["$ref"].split("/")
        return resolved(DOCUMENT["components"][section][name])
    return part


class Caller:
    """Asks allauth's routes, and holds each answer against the document."""

    def __init__(self, client: Any, token: str = "") -> None:
        self.client, self.headers = client, {"X-Session-Token": token} if token else {}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.client.generic(
            method, BASE + path, json.dumps(body) if body is not None else b"",
            content_type="application/json", headers=self.headers | headers,
        )  # fmt: skip
        told = DOCUMENT["paths"][BASE + path][method.lower()]["responses"]
        assert str(answer.status_code) in told, (path, answer.status_code, answer.content)
        content = resolved(told[str(answer.status_code)])["content"]
        kind = answer["Content-Type"].partition(";")[0]
        schema = content[kind]["schema"] | {"components": DOCUMENT["components"]}
        errors = [
            f"{error.instance_path}: {error.message}"
            for error in jsonschema_rs.validator_for(schema).iter_errors(answer.json())
        ]
        assert not errors, (path, answer.status_code, errors, answer.json())
        # The token changes where more was shown.
        if token := (answer.json().get("meta") or {}).get("session_token"):
            self.headers["X-Session-Token"] = token
        return answer

    def sign_in(self, email: str, password: str = factories.PASSWORD) -> Any:
        return self.call("POST", "auth/login", {"email": email, "password": password})


def test_what_a_patients_phone_asks_is_answered_as_the_account_document_says(world, client):
    phone = Caller(client)

    assert phone.call("GET", "config").status_code == 200
    assert phone.call("GET", "auth/session").status_code == 401
    assert phone.sign_in(world.ada.user.email, "a wrong password").status_code == 400
    assert phone.call("POST", "auth/login", {"email": 1}).status_code == 400
    assert phone.sign_in(world.ada.user.email).status_code == 200
    assert phone.call("GET", "auth/session").status_code == 200
    assert phone.call("POST", "auth/reauthenticate", {"password": "wrong"}).status_code == 400
    assert phone.call("POST", "auth/reauthenticate", {"password": factories.PASSWORD}).status_code == 200
    assert phone.call("GET", "account/authenticators").status_code == 403
    assert phone.call("POST", "auth/password/request", {"email": world.ada.user.email}).status_code == 200
    wrong_key = phone.call("GET", "auth/password/reset", **{"X-Password-Reset-Key": "1-wrong"})
    assert wrong_key.status_code in (400, 409)
    assert phone.call("GET", "auth/webauthn/login").status_code == 200
    assert phone.call("DELETE", "auth/session").status_code == 401
    assert phone.call("GET", "auth/session").status_code == 410


def test_a_sign_in_with_a_second_factor_is_answered_as_the_account_document_says(world, client):
    phone = Caller(client)
    phone.sign_in(world.ben.user.email)
    setup = phone.call("GET", "account/authenticators/totp")
    secret = setup.json()["meta"]["secret"]
    code = authenticator.totp_code(secret)

    assert setup.status_code == 404
    assert phone.call("POST", "account/authenticators/totp", {"code": code}).status_code == 200
    assert phone.call("GET", "account/authenticators/recovery-codes").status_code == 403
    again = Caller(client)
    assert again.sign_in(world.ben.user.email).status_code == 401
    assert again.call("POST", "auth/2fa/authenticate", {"code": "000000"}).status_code == 400
    next_code = authenticator.totp_code(secret, time.time() + 30)
    assert again.call("POST", "auth/2fa/authenticate", {"code": next_code}).status_code == 200
    assert again.call("POST", "account/authenticators/recovery-codes", {}).status_code == 200
    assert again.call("GET", "account/authenticators/recovery-codes").status_code == 200
    assert again.call("GET", "account/authenticators").status_code == 200
    new = {"current_password": factories.PASSWORD, "new_password": "another long passphrase"}
    assert again.call("POST", "account/password/change", new).status_code == 200


@pytest.mark.parametrize("part", [{"status": 200}, {"status": 200, "data": {}, "meta": 1}])
def test_an_answer_that_the_account_document_does_not_describe_is_seen(part):
    schema = {"$ref": "#/components/schemas/AuthenticatedResponse", "components": DOCUMENT["components"]}

    assert list(jsonschema_rs.validator_for(schema).iter_errors(part))

"""A method that a route does not have; and what a phone meets whose token is no longer good."""

import json
import re
import uuid
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access import checks
from tracker.accounts.models import ThrottleCount
from tracker.records.kinds.pain import PainEntry

APP = "/_allauth/app/v1/"
NOBODY = str(uuid.uuid4())
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def paths() -> list[str]:
    """Every path below /api, /_allauth and /health, with ids that nobody has."""
    found = []
    for route, _ in checks.routes():
        path = re.sub(r"<uuid:\w+>", NOBODY, f"/{route}")
        path = path.replace("<code:instrument>", "phq-9").replace("<code:version>", "1999")
        found += [path] if path.startswith(("/api/", "/_allauth/", "/health/")) else []
    return found


def account(phone: Phone, method: str, path: str, body=None, **headers: str):
    sent = b"" if body is None else json.dumps(body).encode()
    return phone.client.generic(method, APP + path, sent, "application/json", headers=phone.headers | headers)


def test_every_route_of_a_program_answers_405_as_a_problem_that_names_its_methods(world):
    phone, refused = Phone(world.ada.user), set()
    for path in paths():
        # Each of them counts as a try, where there are tries.
        ThrottleCount.objects.all().delete()
        for method in METHODS:
            if method == "DELETE" and path.endswith("auth/session"):
                continue
            answer = phone.client.generic(method, path, b"", "application/json", headers=phone.headers)
            if answer.status_code != 405:
                continue
            refused.add(path)
            assert answer["Content-Type"] == "application/problem+json", (method, path)
            allowed = answer["Allow"].split(", ")
            assert method not in allowed, (method, path)
            assert method == "HEAD" or answer.content.count(b"method_not_allowed"), (
                method,
                path,
                answer.content,
            )

    assert refused == set(paths())


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_sign_in_with_another_method_tries_no_password(world, client, method):
    body = {"email": world.ada.user.email, "password": factories.PASSWORD}

    answer = client.generic(method, f"{APP}auth/login", json.dumps(body).encode(), "application/json")

    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def ended_by_sign_out(phone: Phone, world: factories.World) -> None:
    assert account(phone, "DELETE", "auth/session").status_code == 401


def ended_elsewhere(phone: Phone, world: factories.World) -> None:
    other = Phone(world.ada.user)
    (there,) = (row for row in other.get("me/sessions").json()["sessions"] if not row["this_one"])
    assert other.call("DELETE", f"me/sessions/{there['id']}").status_code == 204


def retired(phone: Phone, world: factories.World) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=2)):
        assert phone.call("DELETE", f"devices/{phone.device}").status_code == 204


def password_changed(phone: Phone, world: factories.World) -> None:
    assert world.ada.user
    world.ada.user.set_password("another long passphrase")
    world.ada.user.save()


ENDS = [ended_by_sign_out, ended_elsewhere, retired, password_changed]


@pytest.mark.parametrize("end", ENDS)
def test_the_api_answers_a_token_that_is_no_longer_good_with_401_and_keeps_asking_for_nothing_else(
    world, end
):
    phone = Phone(world.ada.user)
    end(phone, world)

    for method, path in (("GET", "me"), ("GET", "sync/pull"), ("POST", "sync/push"), ("PATCH", "me")):
        answer = phone.call(method, path, {} if method != "GET" else None)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        assert answer["WWW-Authenticate"] == "SessionToken"


@pytest.mark.parametrize("end", ENDS[:3])
def test_the_account_routes_answer_a_session_that_has_ended_with_410(world, end):
    phone = Phone(world.ada.user)
    end(phone, world)

    for method, path in (("GET", "auth/session"), ("GET", "account/authenticators")):
        assert account(phone, method, path).status_code == 410


@pytest.mark.parametrize("end", ENDS)
def test_signing_out_again_is_answered_like_the_first_time(world, end):
    phone = Phone(world.ada.user)
    end(phone, world)

    again = account(phone, "DELETE", "auth/session")

    assert (again.status_code, again.json()["meta"]["is_authenticated"]) == (401, False)


@pytest.mark.parametrize("end", ENDS[:3])
def test_a_phone_that_still_sends_its_former_token_signs_in_all_the_same(world, end):
    phone = Phone(world.ada.user)
    end(phone, world)

    answer = account(
        phone, "POST", "auth/login", {"email": world.ada.user.email, "password": factories.PASSWORD}
    )

    assert answer.status_code == 200
    assert answer.json()["meta"]["session_token"] != phone.headers["X-Session-Token"]


def test_entries_of_a_phone_that_was_signed_out_are_sent_after_the_next_sign_in(world):
    phone, unsent = Phone(world.ada.user), factories.pain(4)
    account(phone, "DELETE", "auth/session")
    assert phone.push(unsent).status_code == 401

    again = Phone(world.ada.user, device=phone.device)

    assert again.push(unsent).json()["results"][0]["status"] == "stored"
    with as_clinic(world.clinic.pk):
        assert PainEntry.objects.filter(id=unsent["id"]).exists()


def test_if_match_with_a_star_takes_whichever_version_is_held_and_makes_none(world):
    phone, record = Phone(world.ada.user), factories.pain(3)
    phone.push(record)
    bare = {name: value for name, value in record.items() if name != "revision"}

    amended = phone.call(
        "PUT", f"records/{record['id']}", bare | {"data": {"intensity": 5}}, **{"If-Match": "*"}
    )
    listed = phone.call(
        "PUT", f"records/{record['id']}", bare | {"data": {"intensity": 6}}, **{"If-Match": '"1", W/"2"'}
    )
    fresh = factories.pain(4)
    missing = phone.call("PUT", f"records/{fresh['id']}", fresh, **{"If-Match": "*"})
    removed = phone.call("DELETE", f"records/{record['id']}", **{"If-Match": "*"})

    assert (amended.status_code, amended["ETag"]) == (200, '"2"')
    assert (listed.status_code, listed["ETag"]) == (200, '"3"')
    assert missing.status_code == 404
    assert removed.json()["record"]["removed"]

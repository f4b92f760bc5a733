"""A token belongs to one phone: paired once, retired at once, and useless on any other."""

import uuid
from datetime import timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access import checks, devices
from tracker.access.models import DeviceLabel
from tracker.accounts.models import Session
from tracker.audit.models import AuditEvent
from tracker.outbox.models import Message

ACCOUNT_OF_A_PHONE = [
    ("GET", "account/authenticators"),
    ("GET", "account/authenticators/webauthn"),
    ("POST", "account/password/change"),
]
ROUTES = (
    *(
        "me",
        "me/sessions",
        "devices",
        "instruments",
        "instruments/phq-9/1999",
        "records",
        "summaries",
    ),
    *("observations?measure=pain.intensity", "sync/pull", "check-ins", "messages"),
)


def code(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def paired(phone: Phone, device: object, label: str = ""):
    return phone.post("devices", {"id": str(device), "label": label})


def test_a_phone_signs_in_pairs_and_sends(world):
    phone = Phone(world.ada.user, paired=False)
    assert code(phone.push(factories.pain(4))) == (403, "device_not_paired")

    answer = paired(phone, phone.device, "my phone")
    phone.headers["X-Device"] = str(phone.device)

    assert (answer.status_code, answer.json()["label"], answer.json()["this_one"]) == (201, "my phone", True)
    assert phone.push(factories.pain(4)).status_code == 200


def test_a_token_of_no_phone_opens_nothing_but_pairing(world):
    phone = Phone(world.ada.user, paired=False)

    for route in ROUTES:
        assert code(phone.get(route)) == (403, "device_not_paired"), route
    for method, route in ACCOUNT_OF_A_PHONE:
        assert code(account(phone, method, route)) == (403, "device_not_paired"), route
    assert account(phone, "DELETE", "auth/session").status_code == 401
    assert phone.get("me").status_code == 401


def test_before_pairing_a_phone_pairs_and_chooses_a_role_and_no_more():
    views = [
        view.cls
        for _, view in checks.routes()
        if hasattr(getattr(view, "cls", None), "methods_before_pairing")
    ]
    before = {(view.__name__, method) for view in views for method in view.methods_before_pairing}

    assert before == {("Devices", "POST"), ("Roles", "GET"), ("OneRole", "PUT")}


def test_a_header_that_was_left_out_is_told_on_every_route_and_ends_nothing(world):
    phone = Phone(world.ada.user)
    named = phone.headers.pop("X-Device")

    for route in ROUTES:
        answer = phone.get(route)
        assert code(answer) == (403, "device_header_required"), route
        assert named not in answer.content.decode()
    assert code(paired(phone, named)) == (403, "device_header_required")
    assert code(phone.push(factories.pain(4))) == (403, "device_header_required")
    phone.headers["X-Device"] = named.upper()
    assert phone.push(factories.pain(4)).status_code == 200


ACCOUNT = [("GET", "auth/session"), *ACCOUNT_OF_A_PHONE, ("POST", "auth/reauthenticate")]


def account(phone: Phone, method: str, route: str, **headers: str):
    return phone.client.generic(
        method, f"/_allauth/app/v1/{route}", b"{}", "application/json", headers=phone.headers | headers
    )


@pytest.mark.parametrize(("method", "route"), ACCOUNT)
def test_a_token_alone_reaches_nothing_of_the_account(world, method, route):
    phone = Phone(world.ada.user)
    named = phone.headers.pop("X-Device")

    assert code(account(phone, method, route)) == (403, "device_header_required")
    assert account(phone, method, route, **{"X-Device": named}).status_code in {200, 400}


@pytest.mark.parametrize(("method", "route"), [*ACCOUNT, ("DELETE", "auth/session")])
def test_a_token_on_another_phone_ends_at_the_account_too(world, method, route):
    phone = Phone(world.ada.user)

    assert code(account(phone, method, route, **{"X-Device": str(uuid.uuid4())})) == (401, "session_ended")

    assert code(phone.get("me")) == (401, "not_signed_in")
    with as_clinic(world.clinic.pk):
        assert Message.objects.filter(recipient=world.ada.user, words="sign-in-ended").exists()
        assert AuditEvent.objects.filter(action="session.end_stolen").count() == 1


def test_whoever_has_nothing_but_the_token_may_sign_out(world):
    phone = Phone(world.ada.user)
    named = phone.headers.pop("X-Device")

    assert account(phone, "DELETE", "auth/session").status_code == 401, "allauth's word for signed out"

    assert code(phone.get("me", **{"X-Device": named})) == (401, "not_signed_in")


@pytest.mark.parametrize("page", ["/", "/sessions/", "/accounts/2fa/", "/accounts/password/change/"])
def test_a_phones_token_in_a_browsers_cookie_opens_nothing(world, page):
    phone = Phone(world.ada.user)
    browser = Client()
    browser.cookies[settings.SESSION_COOKIE_NAME] = phone.token

    answer = browser.get(page)

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")
    assert phone.get("me").status_code == 200, "and ends nothing"


@pytest.mark.parametrize("route", ["me", "records"])
def test_a_token_on_another_device_revokes_the_session_and_enqueues_a_message_to_the_user(world, route):
    phone = Phone(world.ada.user)
    thief = phone.headers | {"X-Device": str(uuid.uuid4())}

    stolen = phone.client.get(f"/api/v1/{route}", headers=thief)

    assert code(stolen) == (401, "session_ended")
    assert code(phone.get("me")) == (401, "not_signed_in")
    with as_clinic(world.clinic.pk):
        told = Message.objects.filter(recipient=world.ada.user, words="sign-in-ended")
        assert {message.channel for message in told} == {"INBOX", "EMAIL"}
        event = AuditEvent.objects.get(action="session.end_stolen")
    assert (event.actor, event.patient) == (f"user/{world.ada.user_id}", world.ada.pk)


@pytest.mark.parametrize("named", ["x", "\u00fc", "0" * 400, "null"])
def test_a_malformed_device_id_counts_as_another_device(world, named):
    phone = Phone(world.ada.user)

    assert phone.client.get("/api/v1/me", headers=phone.headers | {"X-Device": named}).status_code == 401


def test_a_push_that_names_another_device_is_refused_by_field(world):
    phone = Phone(world.ada.user)

    answer = phone.push(factories.pain(4), device=str(uuid.uuid4()))

    assert code(answer) == (400, "invalid")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/device", "not_this_device")
    ]
    assert phone.push(factories.pain(4)).status_code == 200


def test_a_session_is_bound_to_one_device_once(world):
    phone = Phone(world.ada.user)

    assert code(paired(phone, uuid.uuid4())) == (409, "already_paired")
    assert paired(phone, phone.device, "renamed").status_code == 200
    with as_clinic(world.clinic.pk):
        assert devices.labels(world.ada.pk) == {phone.device: "renamed"}


def test_a_further_phone_needs_a_sign_in_of_the_last_five_minutes(world):
    Phone(world.ada.user)
    with time_machine.travel(timezone.now(), tick=False) as clock:
        second = Phone(world.ada.user, paired=False)
        clock.shift(timedelta(minutes=5, seconds=1))
        assert code(paired(second, uuid.uuid4())) == (403, "reauthentication_required")

        clock.shift(timedelta(seconds=-1))
        assert paired(second, uuid.uuid4()).status_code == 201


def test_a_patients_first_phone_may_take_its_time(world):
    with time_machine.travel(timezone.now(), tick=False) as clock:
        phone = Phone(world.ada.user, paired=False)
        clock.shift(timedelta(minutes=30))

        assert paired(phone, phone.device).status_code == 201


def test_signing_in_again_on_a_phone_ends_its_former_sign_in(world):
    former = Phone(world.ada.user)
    again = Phone(world.ada.user, device=former.device)

    assert former.get("me").status_code == 401
    assert again.push(factories.pain(4)).status_code == 200


def test_a_phone_whose_sign_in_has_ended_pairs_again_and_sends_at_once(world):
    unsent = factories.pain(4)
    former, other = Phone(world.ada.user), Phone(world.ada.user)
    Session.objects.filter(device_id=former.device).update(expire_date=timezone.now())
    assert former.push(unsent).status_code == 401

    again = Phone(world.ada.user, paired=False)
    assert paired(again, former.device).status_code == 200
    again.headers["X-Device"] = str(former.device)
    again.device = former.device

    assert again.push(unsent).json()["results"][0]["status"] == "stored"
    assert other.get("me").status_code == 200


def test_a_phone_that_lost_its_token_pairs_under_a_new_id_and_sends_at_once(world):
    former, _ = Phone(world.ada.user), Phone(world.ada.user)

    again = Phone(world.ada.user, paired=False)
    assert code(paired(again, former.device)) == (409, "device_in_use")
    assert paired(again, again.device).status_code == 201
    again.headers["X-Device"] = str(again.device)

    assert again.push(factories.pain(4)).json()["results"][0]["status"] == "stored"


def test_a_batch_of_a_former_phone_id_is_taken_under_the_new_id_with_its_key_and_records(world):
    former, _ = Phone(world.ada.user), Phone(world.ada.user)
    arrived, unsent = (factories.batch(factories.pain(4), device=str(former.device)) for _ in range(2))
    receipt = former.post("sync/push", arrived).json()
    again = Phone(world.ada.user)

    refused = again.post("sync/push", unsent).json()
    answers = [
        again.post("sync/push", each | {"device": str(again.device)}).json() for each in (arrived, unsent)
    ]

    assert refused["errors"][0]["code"] == "not_this_device"
    assert [answer["results"][0]["status"] for answer in answers] == ["replayed", "stored"]
    # The receipts of a phone are its own.
    assert answers[0]["receipt"] != receipt["receipt"]


def test_retiring_a_device_revokes_its_session_and_no_other(world):
    kept, lost = Phone(world.ada.user), Phone(world.ada.user)

    assert kept.call("DELETE", f"devices/{lost.device}").status_code == 204

    assert lost.push(factories.pain(4)).status_code == 401
    assert kept.push(factories.pain(4)).status_code == 200
    assert not Session.objects.filter(device_id=lost.device).exists()
    again = Phone(world.ada.user, paired=False)
    assert code(paired(again, lost.device)) == (409, "device_retired")


def test_nobody_retires_another_patients_device(world):
    ada, bea = Phone(world.ada.user), Phone(world.bea.user)

    assert bea.call("DELETE", f"devices/{ada.device}").status_code == 404
    assert ada.get("me").status_code == 200


def test_two_patients_may_have_phones_of_the_same_id(world):
    ada = Phone(world.ada.user)
    bea = Phone(world.bea.user, device=ada.device)

    assert ada.push(factories.pain(4)).status_code == bea.push(factories.pain(5)).status_code == 200


def test_my_phones_are_listed(world):
    first, second = Phone(world.ada.user), Phone(world.ada.user)

    listed = second.get("devices").json()["devices"]

    assert {each["id"]: each["this_one"] for each in listed} == {
        str(first.device): False,
        str(second.device): True,
    }


def test_a_token_is_not_lent_to_staff_by_a_header(world):
    """Staff have no phones to pair: the header changes nothing for them."""
    ben = Phone(world.ben.user)

    assert ben.call("GET", "alerts", **{"X-Device": str(uuid.uuid4())}).status_code == 200
    assert ben.post("devices", {"id": str(uuid.uuid4())}).status_code == 403


def test_a_device_label_is_encrypted_and_kept_when_it_does_not_change(world):
    phone = Phone(world.ada.user)

    for label in ("Ada's red phone", "Ada's red phone", "old phone"):
        assert paired(phone, phone.device, label).status_code == 200

    shown = [device["label"] for device in phone.get("devices").json()["devices"]]
    with as_clinic(world.clinic.pk):
        rows = list(DeviceLabel.objects.order_by("number"))
    assert shown == ["old phone"]
    assert [row.number for row in rows] == [1, 2, 3]  # the first is the one that tests pair with
    assert not any(b"phone" in bytes(row.ciphertext) for row in rows)

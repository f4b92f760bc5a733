"""Who signed in, signed out, changed something on the account's pages, or failed to: each leaves one event."""

import json
import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.phone import token_of
from tests.rls_context import as_clinic
from tracker.access import anonymous_events
from tracker.accounts.models import ThrottleCount
from tracker.audit.models import SYSTEM, AuditEvent

LOGIN = "/_allauth/app/v1/auth/login"
FACTOR = "/_allauth/app/v1/auth/2fa/authenticate"
LOGIN_PAGE, CODE_PAGE = "/accounts/login/", "/accounts/2fa/authenticate/"
SESSION = "/_allauth/app/v1/auth/session"


def event_of(clinic_id, name: str) -> AuditEvent:
    with as_clinic(clinic_id):
        event = AuditEvent.objects.get(request=name)
    return event


def post(client: Client, path: str, body: dict[str, str], **headers: str):
    name = uuid.uuid4().hex
    answer = client.post(
        path, json.dumps(body), content_type="application/json", headers={"X-Request-ID": name} | headers
    )
    return answer, name


def test_a_sign_in_of_an_app_is_audited_at_the_clinic(world, client):
    answer, name = post(client, LOGIN, {"email": world.ada.user.email, "password": factories.PASSWORD})

    event = event_of(world.clinic.pk, name)
    assert answer.status_code == 200
    assert (event.actor, event.action, event.result) == (f"user/{world.ada.user_id}", "sign_in", "DONE")


@pytest.mark.parametrize("known", [True, False])
def test_a_failed_sign_in_is_audited_for_the_system_without_the_address(world, client, known):
    email = world.ada.user.email if known else "nobody@example.org"

    answer, name = post(client, LOGIN, {"email": email, "password": "wrong password"})

    event = event_of(SYSTEM, name)
    assert answer.status_code == 400
    assert (event.actor, event.result, event.detail) == ("nobody", "REFUSED", {"status": 400})
    assert email not in str(vars(event))


def test_a_sign_out_records_an_audit_event_of_its_user(world, client):
    token, name = token_of(world.ada.user), uuid.uuid4().hex

    client.delete(SESSION, headers={"X-Session-Token": token, "X-Request-ID": name})

    event = event_of(world.clinic.pk, name)
    assert event.actor == f"user/{world.ada.user_id}"
    assert event.purpose.startswith("DELETE /_allauth/")


def test_a_sign_in_and_a_refused_one_in_the_browser_do_the_same(world, client):
    for password, clinic_id, actor, result in (
        ("wrong password", SYSTEM, "nobody", "REFUSED"),
        (factories.PASSWORD, world.clinic.pk, f"user/{world.ben.user_id}", "DONE"),
    ):
        name = uuid.uuid4().hex
        client.post(
            "/accounts/login/", {"login": world.ben.user.email, "password": password},
            headers={"X-Request-ID": name},
        )  # fmt: skip
        event = event_of(clinic_id, name)
        assert (event.actor, event.result) == (actor, result)


def in_browser(client: Client, page: str, clinic_id, **form: str) -> AuditEvent:
    name = uuid.uuid4().hex
    client.post(page, form, headers={"X-Request-ID": name})
    return event_of(clinic_id, name)


def test_each_step_of_a_sign_in_with_two_factors_is_audited_at_the_clinic_with_its_user(world, client):
    authenticator.add_totp(world.ben.user)
    ben, here = f"user/{world.ben.user_id}", world.clinic.pk

    first = in_browser(client, LOGIN_PAGE, here, login=world.ben.user.email, password=factories.PASSWORD)
    wrong = in_browser(client, CODE_PAGE, here, code="000000")
    right = in_browser(client, CODE_PAGE, here, code=authenticator.totp_code())

    told = [(event.actor, event.action, event.subject, event.result) for event in (first, wrong, right)]
    assert told == [
        (ben, "sign-in.password", ben, "DONE"),
        ("nobody", "account", ben, "REFUSED"),
        (ben, "sign_in", ben, "DONE"),
    ]


def test_a_wrong_second_factor_of_an_app_names_whose_it_is(world, client):
    authenticator.add_totp(world.ben.user)
    answer, name = post(client, LOGIN, {"email": world.ben.user.email, "password": factories.PASSWORD})
    assert event_of(world.clinic.pk, name).action == "sign-in.password"
    token = answer.json()["meta"]["session_token"]

    _, name = post(client, FACTOR, {"code": "000000"}, **{"X-Session-Token": token})

    event = event_of(world.clinic.pk, name)
    assert (event.subject, event.result) == (f"user/{world.ben.user_id}", "REFUSED")


def test_a_password_alone_is_no_finished_sign_in_of_staff_who_have_no_factor_yet(world, client):
    form = {"login": world.ben.user.email, "password": factories.PASSWORD}

    assert in_browser(client, LOGIN_PAGE, world.clinic.pk, **form).action == "sign-in.password"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (LOGIN, {"email": "nobody@example.org", "password": "wrong password"}),
        (
            "/api/v1/invitations/accept",
            {
                "code": "ABCDEFGH",
                "birth_date": "1980-01-01",
                "email": "z@example.org",
                "password": "a long enough 12",
            },
        ),
    ],
)
def test_a_throttled_sign_in_records_one_audit_event(world, client, path, body):
    for _ in range(30):
        answer, name = post(client, path, body)
        if answer.status_code == 429:
            break

    event = event_of(SYSTEM, name)
    assert (event.actor, event.result, event.detail) == ("nobody", "REFUSED", {"status": 429})


def test_looking_at_the_sign_in_page_records_no_audit_event(world, client):
    name = uuid.uuid4().hex
    client.get("/accounts/login/", headers={"X-Request-ID": name})

    with as_clinic(SYSTEM):
        assert not AuditEvent.objects.filter(request=name).exists()


def failed_sign_ins(client: Client, number: int) -> list[str]:
    names = []
    for n in range(number):
        email = f"nobody{n}@example.org"
        names.append(
            post(client, LOGIN, {"email": email, "password": "wrong password"}, **{"X-Device": str(n)})[1]
        )
    return names


def test_failed_sign_ins_of_nobody_known_are_recorded_up_to_a_number_and_then_counted(
    world, client, monkeypatch
):
    monkeypatch.setattr(anonymous_events, "RECORDED_PER_HOUR", 3)

    names = failed_sign_ins(client, 7)
    with as_clinic(SYSTEM):
        recorded = AuditEvent.objects.filter(request__in=names).count()

    assert recorded == 3

    summaries = anonymous_events.record_summaries(at=timezone.now() + timedelta(hours=1))
    again = anonymous_events.record_summaries(at=timezone.now() + timedelta(hours=1))

    assert (summaries, again) == (1, 0)
    with as_clinic(SYSTEM):
        event = AuditEvent.objects.get(action="anonymous_events")
    assert (event.actor, event.kind, event.result) == ("nobody", "login", "REFUSED")
    assert event.detail["not_recorded"] == 4
    assert event.detail["status"] == 400


def test_an_hour_that_is_not_over_is_not_summarised_and_a_quiet_one_leaves_no_event(world, client):
    failed_sign_ins(client, 1)

    assert anonymous_events.record_summaries(at=timezone.now()) == 0
    assert anonymous_events.record_summaries(at=timezone.now() + timedelta(hours=1)) == 0
    assert not ThrottleCount.objects.filter(key__startswith="anonymous-event").exists()


def test_a_flood_of_nobody_known_hides_no_failure_of_somebody_known(world, client, monkeypatch):
    monkeypatch.setattr(anonymous_events, "RECORDED_PER_HOUR", 0)
    token = token_of(world.ada.user)

    _, name = post(
        client,
        "/_allauth/app/v1/account/password/change",
        {"current_password": "wrong"},
        **{"X-Session-Token": token},
    )

    assert event_of(world.clinic.pk, name).actor == f"user/{world.ada.user_id}"

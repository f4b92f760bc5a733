"""Whoever has a patient's password takes neither phone nor account unheard; the care team closes it and opens it."""

import json
import re
import time
import uuid
from datetime import datetime, timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from django.utils import timezone

from tests import authenticator, factories
from tests.access_control.phones import date_back
from tests.concurrency import run_during
from tests.phone import Phone, token_of
from tests.rls_context import act_as, as_clinic, as_user
from tests.servers import wait_until
from tracker.access import devices, patient_sign_in
from tracker.access.models import Device
from tracker.access.principal import with_session
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, Session, User
from tracker.audit.models import AuditEvent
from tracker.clinics import invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient, StaffMember
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox.models import Message

APP = "/_allauth/app/v1"
A_DAY = timedelta(hours=24)
NEW_PASSWORD = "another long passphrase"


def account(phone: Phone, method: str, route: str, body=None):
    return phone.client.generic(
        method, f"{APP}/{route}", json.dumps(body or {}).encode(), "application/json", headers=phone.headers
    )


def notices(world: factories.World, words: str, *, since: datetime | None = None) -> set[str]:
    with as_clinic(world.clinic.pk):
        own = Message.objects.filter(recipient=world.ada.user, words=words)
        if since:
            own = own.filter(due_at__gt=since)
        return set(own.values_list("channel", flat=True))


BOTH = {"INBOX", "EMAIL"}


def test_pairing_a_phone_is_told_to_the_inbox_and_to_the_address(world, phone):
    other = Phone(world.ada.user, paired=False)
    assert other.post("devices", {"id": str(uuid.uuid4())}).status_code == 201

    assert notices(world, "device-paired") == BOTH


def test_a_new_phone_retires_an_older_one_a_day_later_and_it_is_told(world, phone, thief):
    answer = thief.call("DELETE", f"devices/{phone.device}")

    assert answer.status_code == 202
    assert phone.get("me").status_code == 200
    (told,) = [each for each in phone.get("devices").json()["devices"] if each["id"] == str(phone.device)]
    assert told["retires_at"] is not None
    assert told["retired_at"] is None
    assert notices(world, "device-retires") == BOTH
    assert devices.retire_due(at=timezone.now() + A_DAY - timedelta(minutes=1)) == 0
    assert devices.retire_due(at=timezone.now() + A_DAY) == 1
    assert devices.retire_due(at=timezone.now() + A_DAY) == 0
    assert phone.get("me").status_code == 401


def test_asking_again_does_not_put_a_retirement_off_and_the_older_phone_keeps_itself(world, phone, thief):
    thief.call("DELETE", f"devices/{phone.device}")
    with as_clinic(world.clinic.pk):
        first = Device.objects.get(id=phone.device).retires_at
    thief.call("DELETE", f"devices/{phone.device}")
    with as_clinic(world.clinic.pk):
        assert Device.objects.get(id=phone.device).retires_at == first

    assert thief.call("PUT", f"devices/{phone.device}").status_code == 404, "a new phone decides nothing"
    assert phone.call("PUT", f"devices/{phone.device}").status_code == 204

    assert devices.retire_due(at=timezone.now() + 2 * A_DAY) == 0
    assert phone.get("me").status_code == 200


def test_ending_another_session_is_told_to_the_inbox_and_to_the_address(world, phone, thief):
    references = {each["device"]: each["id"] for each in thief.get("me/sessions").json()["sessions"]}

    assert thief.call("DELETE", f"me/sessions/{references[str(phone.device)]}").status_code == 204
    assert phone.get("me").status_code == 401
    assert notices(world, "session-ended") == BOTH


def test_an_owner_ends_a_thiefs_session_at_once(world, phone, thief):
    references = {each["device"]: each["id"] for each in phone.get("me/sessions").json()["sessions"]}

    assert phone.call("DELETE", f"me/sessions/{references[str(thief.device)]}").status_code == 204
    assert thief.get("me").status_code == 401


def test_ending_ones_own_session_is_no_news(world, phone):
    (own,) = phone.get("me/sessions").json()["sessions"]

    assert phone.call("DELETE", f"me/sessions/{own['id']}").status_code == 204
    assert notices(world, "session-ended") == set()


def test_the_older_phone_retires_the_new_one_at_once(world, phone, thief):
    assert phone.call("DELETE", f"devices/{thief.device}").status_code == 204

    assert thief.get("me").status_code == 401
    assert notices(world, "device-retired") == BOTH


def test_a_sign_in_on_no_phone_retires_none(world, phone):
    visitor = Phone(world.ada.user, paired=False)

    assert visitor.call("DELETE", f"devices/{phone.device}").json()["code"] == "device_not_paired"
    assert phone.get("me").status_code == 200


def test_a_phone_of_a_day_retires_an_older_one_at_once(world, phone, thief):
    date_back(world, thief, A_DAY)

    assert thief.call("DELETE", f"devices/{phone.device}").status_code == 204
    assert phone.get("me").status_code == 401


def test_a_retirement_that_is_cancelled_at_the_moment_it_is_due_does_not_happen(live):
    world = live.world
    phone, thief = Phone(world.ada.user), Phone(world.ada.user)
    assert thief.call("DELETE", f"devices/{phone.device}").status_code == 202

    def cancel() -> None:
        principal = with_session(act_as(world.ada), authenticated_at=None, device_id=phone.device)
        devices.cancel_retirement(principal=principal, device_id=phone.device, at=timezone.now())

    assert run_during(cancel, lambda: devices.retire_due(at=timezone.now() + A_DAY)) == 0
    assert phone.get("me").status_code == 200


def sign_in_under(world: factories.World, device: uuid.UUID):
    """A further sign-in with the password that names a phone that is known; and the answer to its pairing."""
    again = Phone(world.ada.user, paired=False)
    again.headers["X-Device"], again.device = str(device), device
    return again, again.post("devices", {"id": str(device)})


def test_a_stolen_password_takes_no_phone_over_that_is_signed_in_beside_another(world, phone, thief):
    taker, answer = sign_in_under(world, phone.device)

    assert (answer.status_code, answer.json()["code"]) == (409, "device_in_use")
    assert taker.get("me").json()["code"] == "device_not_paired"
    assert phone.get("me").status_code == 200


@pytest.mark.parametrize("ended", ["the phone's sign-in", "the other phone's sign-in"])
def test_a_sign_in_that_takes_an_old_phone_over_is_new_for_a_day_and_told(world, phone, thief, ended):
    """Whoever has the password can end the sign-ins that are in the way: the phone's age is not theirs."""
    other = Phone(world.ada.user)
    date_back(world, other, timedelta(days=100))
    for each in (thief, other) if ended == "the other phone's sign-in" else (phone,):
        sessions.delete(each.token)
    before = timezone.now()

    taker, answer = sign_in_under(world, phone.device)

    assert answer.status_code == 200
    assert notices(world, "device-paired", since=before) == BOTH
    refused = account(taker, "POST", "account/authenticators/totp", {"code": "123456"})
    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")
    assert taker.call("DELETE", f"devices/{other.device}").status_code == 202
    date_back(world, taker, A_DAY)
    assert account(taker, "POST", "account/authenticators/totp", {"code": "123456"}).status_code != 403
    assert taker.call("DELETE", f"devices/{other.device}").status_code == 204


def test_a_sign_in_that_takes_the_only_phone_over_sets_up_no_second_factor_for_a_day(world, phone, thief):
    """The thief's own phone is gone again, so none is older than the one that was taken over."""
    assert thief.call("DELETE", f"devices/{thief.device}").status_code == 204
    taker, answer = sign_in_under(world, phone.device)

    assert answer.status_code == 200
    refused = account(taker, "POST", "account/authenticators/totp", {"code": "123456"})
    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")


def test_an_older_phone_that_signs_in_again_does_not_make_the_new_phone_older(world, phone, thief):
    sessions.delete(phone.token)
    _, answer = sign_in_under(world, phone.device)
    assert answer.status_code == 200

    assert thief.call("DELETE", f"devices/{phone.device}").status_code == 202
    assert account(thief, "POST", "account/authenticators/totp", {"code": "123456"}).status_code == 403


def test_the_label_that_a_phone_gives_itself_makes_it_no_newer_and_is_not_told(world, phone, thief):
    before = timezone.now()
    assert phone.post("devices", {"id": str(phone.device), "label": "renamed"}).status_code == 200

    assert notices(world, "device-paired", since=before) == set()
    assert phone.call("DELETE", f"devices/{thief.device}").status_code == 204


@pytest.mark.parametrize("route", ["account/authenticators/totp", "account/authenticators/webauthn"])
def test_a_new_phone_sets_up_no_second_factor_while_an_older_one_is_there(world, phone, thief, route):
    refused = account(thief, "POST", route, {"code": "123456"})
    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")

    assert account(phone, "POST", route, {"code": "123456"}).status_code != 403


def test_a_browser_sets_up_no_second_factor_of_a_patient_who_has_a_phone(world, phone):
    browser = Client()
    browser.cookies["sessionid"] = token_of(world.ada.user)

    assert browser.get("/accounts/2fa/totp/activate/").status_code == 302


def show_second_factor(token: str) -> None:
    store = sessions.SessionStore(token)
    shown = {"method": "mfa", "at": time.time(), "type": "totp"}
    store["account_authentication_methods"] = [*store["account_authentication_methods"], shown]
    store.save()


def test_a_patients_second_factor_is_told_when_it_comes_and_when_it_goes(world, phone):
    setup = account(phone, "GET", "account/authenticators/totp").json()["meta"]["secret"]
    with time_machine.travel(timezone.now() + timedelta(seconds=1), tick=False):
        code = authenticator.totp_code(setup)
        assert account(phone, "POST", "account/authenticators/totp", {"code": code}).status_code == 200
    assert notices(world, "second-factor-added") == BOTH

    show_second_factor(phone.token)
    assert account(phone, "POST", "account/authenticators/recovery-codes").status_code == 200
    assert notices(world, "recovery-codes-made") == BOTH
    assert account(phone, "DELETE", "account/authenticators/totp").status_code == 200
    assert notices(world, "second-factor-removed") == BOTH


def test_a_changed_password_is_told(world, phone, thief):
    body = {"current_password": factories.PASSWORD, "new_password": NEW_PASSWORD}
    assert account(thief, "POST", "account/password/change", body).status_code == 200

    assert notices(world, "password-changed") == BOTH


def test_a_security_notice_names_nothing_and_says_where_a_new_password_is_chosen(world, phone, thief):
    thief.call("DELETE", f"devices/{phone.device}")
    outbox.deliver_due(at=timezone.now())

    (letter,) = [each for each in mail.outbox if each.to == [world.ada.user.email]]
    assert "choose a new password" in letter.body
    for secret in (world.ada.name, world.clinic.name, str(phone.device)):
        assert secret not in f"{letter.subject} {letter.body}"


def test_the_care_team_closes_a_sign_in_and_every_session_and_phone_ends(world, phone, thief):
    ben = Phone(world.ben.user)

    assert ben.call("DELETE", f"patients/{world.ada.pk}/sign-in").status_code == 204

    assert (phone.get("me").status_code, thief.get("me").status_code) == (401, 401)
    assert not Session.objects.filter(user=world.ada.user).exists()
    assert not User.objects.get(pk=world.ada.user_id).check_password(factories.PASSWORD)
    with as_clinic(world.clinic.pk):
        assert not Device.objects.filter(patient=world.ada, retired_at__isnull=True).exists()
        assert AuditEvent.objects.filter(action="patient.disable_sign_in", patient=world.ada.pk).count() == 1
    assert notices(world, "sign-in-disabled") == BOTH


def test_a_password_that_was_reset_meanwhile_opens_nothing_and_ends_with_the_recovery(world, phone):
    ben = Phone(world.ben.user)
    ben.call("DELETE", f"patients/{world.ada.pk}/sign-in")
    user = User.objects.get(pk=world.ada.user_id)
    user.set_password(NEW_PASSWORD)
    user.save()
    world.ada.user.password = user.password
    login = {"email": user.email, "password": NEW_PASSWORD}
    client = Client()
    token = client.post(f"{APP}/auth/login", json.dumps(login), "application/json").json()["meta"][
        "session_token"
    ]
    assert client.get("/api/v1/me", headers={"X-Session-Token": token}).status_code == 401

    assert ben.call("PUT", f"patients/{world.ada.pk}/sign-in").status_code == 204

    assert not User.objects.get(pk=user.pk).check_password(NEW_PASSWORD)
    assert client.get("/api/v1/me", headers={"X-Session-Token": token}).status_code == 401


def test_after_the_recovery_the_phone_sends_what_it_had_not_sent(world, phone):
    unsent = factories.pain(7)
    authenticator.add_totp(world.ada.user)
    ben = Phone(world.ben.user)
    ben.call("DELETE", f"patients/{world.ada.pk}/sign-in")
    assert phone.push(unsent).status_code == 401
    assert ben.call("PUT", f"patients/{world.ada.pk}/sign-in").status_code == 204
    assert notices(world, "sign-in-recovered") == BOTH
    user = User.objects.get(pk=world.ada.user_id)
    user.set_password(NEW_PASSWORD)
    user.save()

    again = Phone(user)

    assert again.push(unsent).json()["results"][0]["status"] == "stored"


def caregivers_code(patient: Patient) -> str:
    """A code by which somebody becomes this patient's caregiver; a thief who is a patient too makes it herself."""
    answer = Phone(patient.user).post("me/caregivers", {"name": "A friend", "categories": ["pain"]})
    assert answer.status_code == 201
    return str(answer.json()["code"])


def set_up_totp(phone: Phone):
    secret = account(phone, "GET", "account/authenticators/totp").json()["meta"]["secret"]
    return account(phone, "POST", "account/authenticators/totp", {"code": authenticator.totp_code(secret)})


@pytest.mark.parametrize("paired", [True, False])
def test_a_stolen_password_takes_no_other_role_and_the_older_phone_goes_on(world, phone, paired):
    thief = Phone(world.ada.user, paired=paired)
    code = caregivers_code(world.bea)

    for tried in (code, "2222-2222-2222-2222"):
        refused = thief.post("invitations/accept", {"code": tried})
        assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")

    assert User.objects.get(pk=world.ada.user_id).kind == AccountKind.PATIENT
    assert account(thief, "POST", "account/authenticators/totp", {"code": "123456"}).status_code == 403
    assert phone.post("invitations/accept", {"code": code}).status_code == 201, (
        "the code is as good as before"
    )
    body = {"current_password": factories.PASSWORD, "new_password": NEW_PASSWORD}
    assert account(phone, "POST", "account/password/change", body).status_code == 200
    assert thief.get("me").status_code == 401


@pytest.mark.parametrize("kind", [AccountKind.CAREGIVER, AccountKind.STAFF])
def test_a_new_phone_of_a_patient_who_needs_a_second_factor_sets_up_none(world, phone, thief, kind):
    """Whatever else the patient is; the older phone sets it up."""
    User.objects.filter(pk=world.ada.user_id).update(kind=kind)

    refused = set_up_totp(thief)
    assert (refused.status_code, refused.json()["code"]) == (403, "use_older_device")
    browser = Client()
    browser.cookies["sessionid"] = token_of(world.ada.user)
    assert browser.get("/accounts/2fa/totp/activate/")["Location"] == "/accounts/2fa/"

    assert set_up_totp(phone).status_code == 200


def test_on_a_patients_first_day_any_phone_makes_a_caregiver_of_them(world):
    first, second = Phone(world.ada.user), Phone(world.ada.user)

    assert second.post("invitations/accept", {"code": caregivers_code(world.bea)}).status_code == 201
    assert first.get("me").status_code == 200


def test_a_patient_who_has_a_phone_becomes_staff_in_a_browser_with_a_second_factor_alone(world, phone):
    at = timezone.now()
    with as_user(world.eve) as eve, rls.as_clinic(world.clinic.pk):
        code = invitations.invite_staff(
            clinic_id=world.clinic.pk, name="Ada", role="CLINICIAN", team_id=None, at=at, by=eve
        )
    browser = Client()
    browser.cookies["sessionid"] = token = token_of(world.ada.user)

    refused = browser.post("/accounts/invitation/", {"code": code})
    assert refused.status_code == 422
    assert "Set up a second factor in the app" in refused.content.decode()
    assert User.objects.get(pk=world.ada.user_id).kind == AccountKind.PATIENT

    show_second_factor(token)
    assert browser.post("/accounts/invitation/", {"code": code}).status_code == 302
    assert User.objects.get(pk=world.ada.user_id).kind == AccountKind.STAFF


def become(world: factories.World, what: str) -> None:
    """Make something else of Ada too, who has a second factor and recovery codes."""
    user = world.ada.user
    assert user
    kind = {"patient": AccountKind.PATIENT, "caregiver": AccountKind.CAREGIVER}.get(what, AccountKind.STAFF)
    User.objects.filter(pk=user.pk).update(kind=kind)
    if kind == AccountKind.STAFF:
        left_at = factories.MONDAY if what == "former staff" else None
        with as_clinic(world.other_clinic.pk):
            StaffMember.objects.create(
                clinic_id=world.other_clinic.pk,
                user=user,
                name="Ada",
                role="CLINICIAN",
                left_at=left_at,
            )
    authenticator.add_totp(user)
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})


@pytest.mark.parametrize("what", ["patient", "caregiver", "former staff", "staff"])
def test_a_recovery_removes_the_second_factors_of_whoever_is_not_staff_now(world, what):
    become(world, what)
    ben = Phone(world.ben.user)
    assert ben.call("DELETE", f"patients/{world.ada.pk}/sign-in").status_code == 204
    assert ben.call("PUT", f"patients/{world.ada.pk}/sign-in").status_code == 204

    is_kept = what == "staff"
    assert Authenticator.objects.filter(user=world.ada.user).exists() is is_kept
    assert notices(world, "second-factor-removed") == (set() if is_kept else BOTH)
    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.filter(action="account.reset_second_factor", patient=world.ada.pk)
        assert event.exists() is not is_kept


def test_a_patient_who_is_a_caregiver_and_has_lost_the_authenticator_is_let_in_by_the_care_team(world, phone):
    assert phone.post("invitations/accept", {"code": caregivers_code(world.bea)}).status_code == 201
    authenticator.add_totp(world.ada.user)
    ben = Phone(world.ben.user)
    ben.call("DELETE", f"patients/{world.ada.pk}/sign-in")
    assert ben.call("PUT", f"patients/{world.ada.pk}/sign-in").status_code == 204
    user = User.objects.get(pk=world.ada.user_id)
    user.set_password(NEW_PASSWORD)
    user.save()

    client = Client()
    login = {"email": user.email, "password": NEW_PASSWORD}
    answer = client.post(f"{APP}/auth/login", json.dumps(login), "application/json")

    assert answer.status_code == 200, "no code is asked for"
    again = Phone(user)
    assert again.push(factories.pain(7)).json()["results"][0]["status"] == "stored"
    assert set_up_totp(again).status_code == 200


def test_only_the_patients_team_closes_a_sign_in(world):
    for stranger in (world.cleo, world.finn, world.eve):
        with pytest.raises(NotFoundOrHidden):
            patient_sign_in.disable(principal=act_as(stranger), patient_id=world.ada.pk, at=factories.MONDAY)
    with as_clinic(world.clinic.pk):
        assert Patient.objects.get(pk=world.ada.pk).sign_in_disabled_at is None


def test_a_password_that_is_chosen_by_the_link_after_a_recovery_is_told_and_signs_in(
    world, settings, tmp_path
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = str(tmp_path)
    with as_user(world.ben) as ben:
        patient_sign_in.disable(principal=ben, patient_id=world.ada.pk, at=factories.MONDAY)
        patient_sign_in.recover(principal=ben, patient_id=world.ada.pk, at=factories.MONDAY)
    browser = Client()
    browser.post("/accounts/password/reset/", {"email": world.ada.user.email})
    letter = wait_until(lambda: next(iter(tmp_path.iterdir()), None), what="the letter")
    wait_until(lambda: "/key/" in letter.read_text(), what="the link")
    link = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", letter.read_text())
    assert link

    page = browser.get(link[1], follow=True)
    browser.post(page.request["PATH_INFO"], {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})

    assert User.objects.get(pk=world.ada.user_id).check_password(NEW_PASSWORD)
    assert notices(world, "password-changed") == BOTH


def test_the_page_of_a_patient_closes_and_opens_the_sign_in(world):
    browser = Client()
    browser.cookies["sessionid"] = token_of(world.ben.user)
    page = f"/patients/{world.ada.pk}/"
    assert "Close the sign-in of Ada" in browser.get(page).content.decode()

    assert browser.post(f"{page}sign-in/disable/").status_code == 302
    assert "Open the sign-in again" in browser.get(page).content.decode()
    assert browser.post(f"{page}sign-in/recover/").status_code == 302
    assert "Close the sign-in of Ada" in browser.get(page).content.decode()

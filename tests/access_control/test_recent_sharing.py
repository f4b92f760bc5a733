"""What a stolen sign-in shows to others is told, waits a day, and ends when its owner takes the sign-in back."""

import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from tests import factories
from tests.access_control.phones import date_back
from tests.access_control.test_stolen_sign_in import A_DAY, BOTH, NEW_PASSWORD, account, notices
from tests.phone import Phone, pair, token_of
from tests.rls_context import act_as, as_clinic
from tracker.access import recent_sharing
from tracker.access.models import Caregiver, ConsentChange, Device
from tracker.access.policy import EVERYTHING, Category
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, User
from tracker.audit.models import AuditEvent
from tracker.lib import codes, rls
from tracker.outbox import security_notices
from tracker.outbox.channels import EMAIL, INBOX
from tracker.outbox.models import Message
from tracker.outbox.security_notices import SecurityNoticeMiddleware

MOOD, PAIN = Category.MOOD, Category.PAIN
BODY = {"name": "Carl", "categories": ["pain", "mood"]}


def share(phone: Phone, world: factories.World, *categories: Category):
    """Show the team exactly these, as the app does."""
    consents = phone.get("me/consents").json()
    body = {
        "text_version": consents["text_version"], "base_version": consents["version"],
        "teams": [{"team": str(world.team.pk), "categories": codes.all_to_wire(categories)}],
    }  # fmt: skip
    return phone.call("PUT", "me/consents", body)


def invite(phone: Phone) -> str:
    answer = phone.post("me/caregivers", BODY)
    assert answer.status_code == 201
    return str(answer.json()["code"])


def accept(code: str) -> Phone:
    """Somebody makes an account with a caregiver's code, and signs in to it."""
    body = {"code": code, "email": f"carl-{uuid.uuid4().hex[:8]}@example.org", "password": NEW_PASSWORD}
    answer = Client().post("/api/v1/invitations/accept", body, content_type="application/json")
    assert answer.status_code == 201
    user = User.objects.get(email=body["email"])
    return Phone(user)


def can_read(caregiver: Phone, world: factories.World) -> bool:
    return bool(caregiver.get(f"records?patient={world.ada.pk}").status_code == 200)


def choose_password(phone: Phone) -> None:
    body = {"current_password": factories.PASSWORD, "new_password": NEW_PASSWORD}
    answer = account(phone, "POST", "account/password/change", body)
    assert answer.status_code == 200
    phone.headers["X-Session-Token"] = answer.json()["meta"]["session_token"]


def test_a_new_phone_invites_no_caregiver_and_shows_no_team_more_while_an_older_one_is_there(
    world, phone, thief
):
    share(phone, world, PAIN)

    for answer in (thief.post("me/caregivers", BODY), share(thief, world, PAIN, MOOD)):
        assert (answer.status_code, answer.json()["code"]) == (403, "use_older_device")
    assert share(thief, world).status_code == 200, "a withdrawal counts whoever sends it"

    assert share(phone, world, PAIN, MOOD).status_code == 200
    assert phone.post("me/caregivers", BODY).status_code == 201


def test_a_phone_that_signs_in_anew_shows_nobody_more_for_a_day(world, phone):
    token = token_of(world.ada.user)
    sessions.delete(phone.token)
    pair(world.ada.user, token, phone.device)
    phone.headers["X-Session-Token"] = token

    assert phone.post("me/caregivers", BODY).status_code == 403
    with as_clinic(world.clinic.pk):
        Device.objects.filter(id=phone.device).update(bound_at=timezone.now() - A_DAY)
    assert phone.post("me/caregivers", BODY).status_code == 201


def test_a_patient_shares_and_invites_on_the_first_day_also_after_a_further_sign_in(world):
    nan = factories.patient(world.clinic, "nan", world.team, shares=())
    first = Phone(nan.user)
    assert share(first, world, PAIN).status_code == 200
    sessions.delete(first.token)

    again = Phone(nan.user, device=first.device)

    assert share(again, world, PAIN, MOOD).status_code == 200
    assert again.post("me/caregivers", BODY).status_code == 201


def test_what_is_shown_to_others_is_told_to_the_inbox_and_to_the_address(world, phone):
    share(phone, world)
    assert notices(world, "consent-widened") == set()
    share(phone, world, PAIN)
    code = invite(phone)
    assert notices(world, "caregiver-accepted") == set()
    accept(code)

    for words in ("consent-widened", "caregiver-invited", "caregiver-accepted"):
        assert notices(world, words) == BOTH


def test_a_notice_of_what_is_done_again_and_again_goes_to_the_address_once_and_to_the_inbox_each_time(
    world, phone, monkeypatch
):
    monkeypatch.setattr(security_notices, "MAIL_SECONDS", 10**11)
    for _ in range(3):
        share(phone, world)
        share(phone, world, PAIN)

    with as_clinic(world.clinic.pk):
        told = Message.objects.filter(words="consent-widened").values_list("channel", flat=True)
        assert (list(told).count(INBOX), list(told).count(EMAIL)) == (3, 1)


def test_a_caregiver_who_accepts_with_an_account_is_told_too(world, phone):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    factories.caregiver(world.bea, carl, PAIN)

    assert Phone(carl).post("invitations/accept", {"code": invite(phone)}).status_code == 201

    assert notices(world, "caregiver-accepted") == BOTH


@pytest.fixture
def stolen(world: factories.World, phone: Phone, thief: Phone) -> Phone:
    """A day has passed unnoticed, and the thief has shared: with a caregiver who reads, by a code, with the team."""
    share(phone, world, PAIN)
    date_back(world, thief, A_DAY)
    carl = accept(invite(thief))
    invite(thief)
    assert share(thief, world, PAIN, MOOD).status_code == 200
    assert can_read(carl, world)
    return carl


def shown(world: factories.World) -> set[str]:
    return set(act_as(world.ben).visible_categories(world.ada.pk))


def test_a_new_password_withdraws_the_writing_that_a_stolen_sign_in_has_allowed(world, phone, thief):
    hers = accept(invite(phone))
    (row,) = phone.get("me/consents").json()["caregivers"]
    body, route = {"may_write": True, "base_version": row["version"]}, f"me/caregivers/{row['id']}"
    assert thief.call("PATCH", route, body).json()["code"] == "use_older_device"
    date_back(world, thief, A_DAY)
    assert thief.call("PATCH", route, body).status_code == 200
    assert notices(world, "caregiver-writes") == BOTH

    choose_password(phone)

    assert can_read(hers, world)
    assert hers.get("me").json()["caregiver_of"]["writable_kinds"] == []
    (row,) = phone.get("me/consents").json()["caregivers"]
    assert (row["may_write"], row["version"]) == (False, 3)


def test_a_new_password_ends_what_a_stolen_sign_in_has_shown_to_others(world, phone, thief, stolen):
    hers = accept(invite(phone))

    choose_password(phone)

    assert thief.get("me").status_code == 401
    assert not can_read(stolen, world)
    assert can_read(hers, world), "whom she invited on her phone of a year goes on reading"
    assert shown(world) == {PAIN}
    seen = phone.get("me/consents").json()
    assert [each["ends_at"] is None for each in seen["caregivers"]].count(True) == 1
    assert [(each["category"], each["given"]) for each in seen["history"][:2]] == [
        ("mood", False),
        ("mood", True),
    ]
    assert notices(world, "sharing-ended") == BOTH
    with as_clinic(world.clinic.pk):
        (event,) = AuditEvent.objects.filter(action="sharing.end_recent", patient=world.ada.pk)
    assert len(event.detail["caregivers"]) == 2
    assert event.detail["withdrawn"] == [f"{world.team.pk}/MOOD"]


def test_an_open_invitation_ends_with_a_new_password_whoever_made_it(world, phone):
    code = invite(phone)

    choose_password(phone)

    body = {"code": code, "email": "new@example.org", "password": NEW_PASSWORD}
    refused = Client().post("/api/v1/invitations/accept", body, content_type="application/json")
    assert refused.json()["code"] == "invitation_refused"


def test_a_new_password_by_the_mailbox_ends_it_as_well(world, phone, stolen):
    """``password_of`` is set by the one method that every way to a new password calls."""
    request = RequestFactory().post("/accounts/password/reset/key/x/")

    def answer(request):
        request.password_of = world.ada.user_id
        return HttpResponse()

    SecurityNoticeMiddleware(answer)(request)

    assert not can_read(stolen, world)


def test_the_care_team_closes_a_sign_in_and_every_caregiver_ends_with_it(world, phone, stolen):
    hers = accept(invite(phone))

    assert Phone(world.ben.user).call("DELETE", f"patients/{world.ada.pk}/sign-in").status_code == 204

    assert not can_read(stolen, world)
    assert not can_read(hers, world)
    assert shown(world) == {PAIN}
    assert notices(world, "sharing-ended") == BOTH
    with as_clinic(world.clinic.pk):
        ends = ConsentChange.objects.filter(patient=world.ada).latest("id")
    assert (ends.given, ends.by_id) == (False, world.ben.user_id)


def test_a_new_password_of_a_patient_who_shared_on_their_first_phone_ends_nothing(world):
    nan = factories.patient(world.clinic, "nan", world.team, shares=())
    phone = Phone(nan.user)
    share(phone, world, *EVERYTHING)
    carl = accept(invite(phone))

    choose_password(phone)

    assert carl.get(f"records?patient={nan.pk}").status_code == 200
    assert act_as(world.ben).visible_categories(nan.pk) == EVERYTHING
    with as_clinic(world.clinic.pk):
        assert not Message.objects.filter(words="sharing-ended").exists()


@pytest.mark.parametrize(("age", "ends"), [(29, True), (31, False)])
def test_what_a_young_sign_in_has_shown_ends_within_thirty_days(world, phone, thief, stolen, age, ends):
    at = timezone.now() + timedelta(days=age)
    with transaction.atomic():
        rls.reset()
        recent_sharing.end(clinic_id=world.clinic.pk, patient_id=world.ada.pk, by_id=world.ada.user_id, at=at)
        rls.reset()

    with as_clinic(world.clinic.pk):
        assert Caregiver.objects.standing(at).filter(patient=world.ada).exists() is not ends
    assert (MOOD not in shown(world)) is ends


def test_what_is_shared_on_a_phone_of_a_month_is_not_a_young_sign_ins(world, phone, thief):
    date_back(world, thief, timedelta(days=30))
    invite(thief)
    share(thief, world)
    share(thief, world, MOOD)

    with as_clinic(world.clinic.pk):
        assert not Caregiver.objects.filter(patient=world.ada, by_recent_sign_in=True).exists()
        assert not ConsentChange.objects.filter(patient=world.ada, by_recent_sign_in=True).exists()

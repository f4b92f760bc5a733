"""
Caregivers read what the patient shows them, for as long as the patient lets them, and decide nothing.

What they write is in ``test_caregiver_entries``.
"""

import uuid
from datetime import date, timedelta

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import timezone

from tests import factories
from tests.concurrency import run_during
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access import caregivers
from tracker.access.models import Caregiver
from tracker.access.policy import Category
from tracker.access.principal import InactiveUser
from tracker.accounts import second_factor
from tracker.accounts.models import AccountKind, User
from tracker.alerts.models import Alert
from tracker.clinics import invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.invitations import InvitationRejected
from tracker.clinics.models import Patient
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.journal import JournalEntry
from tracker.records.kinds.pain import PainEntry

NOW = factories.MONDAY
INSTANT = timedelta(microseconds=1)
PASSWORD = "a long new passphrase"


def give(
    world: factories.World, user: User, *categories: Category, ends_at=None, to=None, at=NOW
) -> Caregiver:
    return factories.caregiver(to or world.ada, user, *categories, at=at, ends_at=ends_at)


def invite(patient: Patient, *categories: Category, at=NOW) -> tuple[Caregiver, str]:
    with as_user(patient) as principal:
        return caregivers.invite(principal=principal, name="Carl", categories=categories, at=at)


@pytest.fixture
def carl(world: factories.World) -> User:
    return factories.user("carl", AccountKind.CAREGIVER)


def test_a_caregiver_sees_what_is_shown_to_them_and_no_more(world, carl):
    page = factories.record("journal", {"text": "mine"})
    Phone(world.ada.user).push(
        factories.pain(4), factories.daily(mood=3), page, factories.phq9([1] * 8 + [2])
    )
    give(world, carl, Category.PAIN, Category.JOURNAL)

    principal = act_as(carl)

    assert (principal.role, principal.name, set(principal.patients)) == ("CAREGIVER", "Carl", {world.ada.pk})
    assert principal.visible_categories(world.ada.pk) == {Category.PAIN, Category.JOURNAL}
    assert list(Patient.objects.values_list("pk", flat=True)) == [world.ada.pk]
    assert PainEntry.objects.count() == 1
    assert not DailyLog.objects.exists()
    assert not JournalEntry.objects.exists()
    assert not Alert.objects.exists()


@pytest.mark.parametrize(("offset", "can_see"), [(-INSTANT, True), (timedelta(0), False)])
def test_a_caregivers_access_ends_at_its_last_instant(world, carl, offset, can_see):
    end = NOW + timedelta(days=3)
    give(world, carl, Category.PAIN, ends_at=end)

    if can_see:
        assert act_as(carl, end + offset).patients
    else:
        with pytest.raises(InactiveUser):
            act_as(carl, end + offset)


def test_a_revoked_caregiver_sees_nothing_at_the_next_read(world, carl):
    made = give(world, carl, Category.PAIN)
    for _ in range(2):
        caregivers.revoke(principal=act_as(world.ada), caregiver_id=made.pk, at=NOW)

    with pytest.raises(InactiveUser):
        act_as(carl)


def test_only_the_patient_invites_and_revokes_a_caregiver(world, carl):
    made = give(world, carl, Category.PAIN)
    for who in (world.ben, world.eve):
        with pytest.raises(NotFoundOrHidden):
            caregivers.invite(principal=act_as(who), name="X", categories=[Category.PAIN], at=NOW)
    with pytest.raises(NotFoundOrHidden):
        caregivers.revoke(principal=act_as(world.bea), caregiver_id=made.pk, at=NOW)
    assert act_as(carl).patients


def test_inviting_a_caregiver_makes_no_account_and_shows_nobody_anything_before_it_is_accepted(world):
    accounts = User.objects.count()
    phone = Phone(world.ada.user)

    given = phone.post("me/caregivers", {"name": "Carl", "categories": ["pain"]}).json()

    assert User.objects.count() == accounts
    assert (given["accepted"], len(given["code"].replace("-", ""))) == (False, 16)
    (shown,) = phone.get("me/consents").json()["caregivers"]
    assert "code" not in shown
    user = caregivers.accept(
        code=given["code"], email="carl@example.org", password=PASSWORD, at=timezone.now()
    )
    assert user.kind == AccountKind.CAREGIVER
    assert set(act_as(user, timezone.now()).patients) == {world.ada.pk}
    assert phone.get("me/consents").json()["caregivers"][0]["accepted"] is True


def test_a_caregivers_invitation_to_an_address_blocks_no_other_invitation_of_it(world):
    phone = Phone(world.ada.user)
    for _ in range(3):
        body = {"name": "V", "categories": ["pain"], "email": "v@example.org"}
        assert phone.post("me/caregivers", body).status_code == 201

    with as_user(world.ben) as ben:
        _, code = invitations.enrol(
            principal=ben, name="V", birth_date=date(1980, 1, 1), time_zone=factories.ZONE,
            team_id=world.team.pk, at=NOW,
        )  # fmt: skip

    assert invitations.accept(
        code=code, birth_date=date(1980, 1, 1), email="v@example.org", password=PASSWORD, at=NOW,
        for_patient=True,
    )  # fmt: skip


def test_a_patient_invites_ten_caregivers_a_day_and_has_ten_at_most(world):
    phone, body = Phone(world.ada.user), {"name": "X", "categories": ["pain"]}
    answers = [phone.post("me/caregivers", body) for _ in range(caregivers.MOST_A_DAY + 1)]

    assert [each.status_code for each in answers] == [201] * 10 + [409]
    assert answers[-1].json()["code"] == "too_many_invitations"
    for each in answers[:-1]:
        phone.call("DELETE", f"me/caregivers/{each.json()['id']}")
    assert phone.post("me/caregivers", body).status_code == 409, "those that were ended count on that day"


REFUSALS = ("unknown", "used", "revoked", "late", "known address")


@pytest.mark.parametrize("why", REFUSALS)
def test_a_caregivers_code_that_is_not_to_be_had_gets_one_answer_at_one_cost(world, carl, why, monkeypatch):
    """Counted, not timed: Argon2 is nearly all that an answer costs."""
    hashed = []
    encode = Argon2PasswordHasher.encode

    def counted(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)
    row, code = invite(world.ada, Category.PAIN)
    email, at = "new@example.org", NOW
    if why == "unknown":
        code = "2222-2222-2222-2222"
    elif why == "used":
        caregivers.accept_with_account(user_id=carl.pk, code=code, at=NOW)
    elif why == "revoked":
        caregivers.revoke(principal=act_as(world.ada), caregiver_id=row.pk, at=NOW)
    elif why == "late":
        at = NOW + caregivers.CODE_LASTS
    else:
        email = world.bea.user.email

    with pytest.raises(InvitationRejected):
        caregivers.accept(code=code, email=email, password=PASSWORD, at=at)

    assert len(hashed) == 1
    assert not User.objects.filter(email="new@example.org").exists()


def test_five_addresses_that_are_taken_end_a_caregivers_invitation(world):
    _, code = invite(world.ada, Category.PAIN)
    for _ in range(5):
        with pytest.raises(InvitationRejected):
            caregivers.accept(code=code, email=world.bea.user.email, password=PASSWORD, at=NOW)

    with pytest.raises(InvitationRejected):
        caregivers.accept(code=code, email="free@example.org", password=PASSWORD, at=NOW)


def test_nobody_is_their_own_caregiver(world):
    _, code = invite(world.ada, Category.PAIN)

    with pytest.raises(InvitationRejected):
        caregivers.accept_with_account(user_id=world.ada.user_id, code=code, at=NOW)


def test_a_caregiver_who_accepts_again_sees_what_was_shown_last(world, carl):
    give(world, carl, Category.PAIN)
    give(world, carl, Category.MOOD, at=NOW + INSTANT)

    assert act_as(carl, NOW + INSTANT).visible_categories(world.ada.pk) == {Category.MOOD}


def test_an_invitation_that_is_revoked_while_it_is_accepted_is_not_accepted(live):
    world, carl = live.world, factories.user("carl", AccountKind.CAREGIVER)
    row, code = invite(world.ada, Category.PAIN)

    def revoke() -> None:
        caregivers.revoke(principal=act_as(world.ada), caregiver_id=row.pk, at=NOW)

    accepted = run_during(revoke, lambda: caregivers.accept_with_account(user_id=carl.pk, code=code, at=NOW))

    assert isinstance(accepted, InvitationRejected)
    with as_clinic(world.clinic.pk):
        assert not Caregiver.objects.filter(user=carl).exists()


def test_over_the_api_a_caregiver_reads_and_changes_nothing(world, carl):
    ada = Phone(world.ada.user)
    ada.push(factories.pain(4), factories.daily(mood=3))
    given = ada.post("me/caregivers", {"name": "Carl", "categories": ["pain"]})
    assert given.status_code == 201, given.content
    caregivers.accept_with_account(user_id=carl.pk, code=given.json()["code"], at=timezone.now())
    phone = Phone(carl)
    asked = f"patient={world.ada.pk}"

    assert [row["kind"] for row in phone.get(f"records?{asked}").json()["records"]] == ["pain"]
    assert phone.get(f"records?{asked}&kind=daily").status_code == 404
    assert phone.get(f"observations?{asked}&measure=daily.mood").status_code == 404
    assert phone.get(f"records?patient={world.bea.pk}").status_code == 404
    assert phone.push(factories.pain(1)).status_code == 403
    for method, route in [
        ("GET", "me/consents"), ("PUT", "me/consents"), ("POST", "me/caregivers"), ("GET", "alerts"),
        ("DELETE", f"me/caregivers/{given.json()['id']}"),
    ]:  # fmt: skip
        assert phone.call(method, route, {} if method in {"PUT", "POST"} else None).status_code == 403, route

    (shown,) = ada.get("me/consents").json()["caregivers"]
    assert (shown["name"], shown["categories"]) == ("Carl", ["pain"])
    assert ada.call("DELETE", f"me/caregivers/{given.json()['id']}").status_code == 204
    assert phone.get(f"records?{asked}").status_code == 401
    assert ada.call("DELETE", f"me/caregivers/{uuid.uuid4()}").status_code == 404


def test_me_says_whose_record_a_caregiver_reads_and_what_of_it(world, carl):
    end = timezone.now().replace(microsecond=0) + timedelta(days=30)
    give(world, carl, Category.MOOD, ends_at=end + timedelta(days=1), at=timezone.now() - timedelta(days=2))
    give(world, carl, Category.PAIN, Category.JOURNAL, ends_at=end, at=timezone.now())

    own = Phone(carl).get("me").json()

    assert (own["role"], own["patient"]) == ("caregiver", None)
    assert own["caregiver_of"] == {
        "patient": str(world.ada.pk), "name": world.ada.name, "categories": ["journal", "pain"],
        "writable_kinds": [], "ends_at": end.isoformat().replace("+00:00", "Z"),
    }  # fmt: skip
    for other in (world.ada, world.ben):
        assert Phone(other.user).get("me").json()["caregiver_of"] is None


@pytest.mark.parametrize(("kind", "required"), [("staff", True), ("patient", False), ("caregiver", False)])
def test_staff_alone_need_a_second_factor(db, kind, required):
    assert second_factor.is_required(factories.user("fay", AccountKind(kind))) is required

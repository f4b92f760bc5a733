"""Caregivers read what the patient shows them, for as long as the patient lets them, and decide nothing."""

import uuid
from datetime import timedelta

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import act_as, as_user
from tracker.access import caregivers
from tracker.access.policy import Category
from tracker.access.principal import InactiveUser
from tracker.accounts import second_factor
from tracker.accounts.models import AccountKind, User
from tracker.alerts.models import Alert
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.records.kinds.daily import DailyLog
from tracker.records.kinds.journal import JournalEntry
from tracker.records.kinds.pain import PainEntry

NOW = factories.MONDAY
INSTANT = timedelta(microseconds=1)


def give(world: factories.World, user: User, *categories: Category, ends_at=None, to=None):
    with as_user(to or world.ada) as principal:
        return caregivers.grant(
            principal=principal, email=user.email, name="Carl", categories=categories, at=NOW, ends_at=ends_at
        )


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


def test_nobody_revokes_another_patients_caregiver(world, carl):
    give(world, carl, Category.PAIN)
    caregivers.grant(
        principal=act_as(world.bea), email=carl.email, name="X", categories=[Category.PAIN],
        at=NOW + INSTANT,
    )  # fmt: skip

    assert set(act_as(carl, NOW + timedelta(days=1)).patients) == {world.ada.pk}


def test_only_the_patient_grants_and_revokes_caregiver_access(world, carl):
    made = give(world, carl, Category.PAIN)
    for who in (world.ben, world.eve):
        with pytest.raises(NotFoundOrHidden):
            caregivers.grant(
                principal=act_as(who),
                email="x@example.org",
                name="X",
                categories=[Category.PAIN],
                at=NOW,
            )
    with pytest.raises(NotFoundOrHidden):
        caregivers.revoke(principal=act_as(world.bea), caregiver_id=made.pk, at=NOW)
    assert act_as(carl).patients


def test_over_the_api_a_caregiver_reads_and_changes_nothing(world, carl):
    ada = Phone(world.ada.user)
    ada.push(factories.pain(4), factories.daily(mood=3))
    given = ada.post("me/caregivers", {"name": "Carl", "email": carl.email.upper(), "categories": ["pain"]})
    assert given.status_code == 201, given.content
    phone = Phone(carl)
    asked = f"patient={world.ada.pk}"

    assert [row["kind"] for row in phone.get(f"records?{asked}").json()["records"]] == ["pain"]
    assert phone.get(f"records?{asked}&kind=daily").status_code == 404
    assert phone.get(f"observations?{asked}&measure=daily.mood").status_code == 404
    assert phone.get(f"records?patient={world.bea.pk}").status_code == 404
    assert phone.push(factories.pain(1)).status_code == 403
    for method, route in [
        ("GET", "me/consents"), ("PUT", "me/consents"), ("POST", "me/caregivers"), ("GET", "alerts"),
        ("GET", f"summaries?{asked}"), ("DELETE", f"me/caregivers/{given.json()['id']}"),
    ]:  # fmt: skip
        assert phone.call(method, route, {} if method in {"PUT", "POST"} else None).status_code == 403, route

    (shown,) = ada.get("me/consents").json()["caregivers"]
    assert (shown["name"], shown["categories"]) == ("Carl", ["pain"])
    assert ada.call("DELETE", f"me/caregivers/{given.json()['id']}").status_code == 204
    assert phone.get(f"records?{asked}").status_code == 401
    assert ada.call("DELETE", f"me/caregivers/{uuid.uuid4()}").status_code == 404


def test_an_address_that_is_known_and_one_that_is_not_get_the_same_answer(world):
    ada = Phone(world.ada.user)
    answers = [
        ada.post("me/caregivers", {"name": "X", "email": email, "categories": ["pain"]})
        for email in (world.ben.user.email, "new@example.org")
    ]

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json().keys() == answers[1].json().keys()
    assert act_as(world.ben).role == "CLINICIAN"


def test_a_caregivers_new_account_is_of_its_own_kind_and_a_known_one_stays_what_it_is(world):
    for email in (world.ben.user.email, world.bea.user.email, "new@example.org"):
        caregivers.grant(
            principal=act_as(world.ada), email=email, name="X", categories=[Category.PAIN], at=NOW
        )

    kinds = {User.objects.get(email=email).kind for email in (world.ben.user.email, "new@example.org")}
    assert kinds == {AccountKind.STAFF, AccountKind.CAREGIVER}
    assert User.objects.get(pk=world.bea.user_id).kind == AccountKind.PATIENT


@pytest.mark.parametrize(("kind", "required"), [("staff", True), ("patient", False), ("caregiver", True)])
def test_everybody_but_patients_needs_a_second_factor(db, kind, required):
    assert second_factor.is_required(factories.user("fay", AccountKind(kind))) is required

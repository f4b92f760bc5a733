"""One person may be a patient, staff and a caregiver: one account, separate roles, one of them at a time."""

import uuid
from datetime import date

import pytest
from django.db import transaction
from django.utils import timezone

from tests import factories
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access import caregivers, roles
from tracker.access.policy import Category
from tracker.access.principal import load_principal
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, Session, User
from tracker.clinics import invitations
from tracker.clinics.invitations import InvitationRejected
from tracker.clinics.models import Clinic, Patient, StaffMember
from tracker.clinics.staff import LastFallbackContact
from tracker.lib import rls

NOW = factories.MONDAY
BORN = date(1980, 2, 29)


def enrol(world: factories.World, at=NOW) -> str:
    with as_user(world.ben) as ben:
        return invitations.enrol(
            principal=ben,
            name="Second",
            birth_date=BORN,
            time_zone=factories.ZONE,
            team_id=world.team.pk,
            at=at,
        )[1]


def become_patient(world: factories.World, user: User) -> None:
    invitations.accept_with_account(
        user_id=user.pk, code=enrol(world), birth_date=BORN, at=NOW, for_patient=True
    )


def own_roles(user: User) -> list[str]:
    with transaction.atomic():
        rls.reset()
        return [each.role for each in roles.roles_of(user.pk, timezone.now())]


def test_staff_of_one_clinic_is_a_patient_of_another_and_a_caregiver_with_one_account(world):
    finn = world.finn.user
    become_patient(world, finn)
    factories.caregiver(world.ada, finn, Category.PAIN)

    assert own_roles(finn) == ["PATIENT", "CLINICIAN", "CAREGIVER"]
    as_staff = act_as_role(finn, world.finn.pk)
    assert (as_staff.role, set(as_staff.patients)) == ("CLINICIAN", {world.gus.pk})
    assert world.ada.pk not in patients_seen()
    as_patient = act_as(finn)
    assert as_patient.role == "PATIENT"
    assert not set(as_patient.patients) & {world.gus.pk, world.ada.pk}


def act_as_role(user: User, role_id):
    rls.reset()
    return load_principal(user.pk, NOW, role_id)


def patients_seen() -> set[uuid.UUID]:
    return set(Patient.objects.values_list("pk", flat=True))


def test_a_caregiver_of_two_patients_sees_the_one_whose_caregiver_they_act_as(world):
    carl = factories.user("carl", AccountKind.CAREGIVER)
    of_ada = factories.caregiver(world.ada, carl, Category.PAIN)
    of_gus = factories.caregiver(world.gus, carl, Category.MOOD)

    for grant, patient in ((of_ada, world.ada), (of_gus, world.gus)):
        assert set(act_as_role(carl, grant.pk).patients) == {patient.pk}
        assert patients_seen() == {patient.pk}


def test_over_the_api_a_sign_in_acts_as_the_role_that_is_chosen_from_the_next_request_on(world):
    become_patient(world, world.finn.user)
    phone = Phone(world.finn.user, paired=False)
    sign_in_as_staff(phone)
    listed = phone.get("me/roles").json()["roles"]
    assert [(each["role"], each["this_one"]) for each in listed] == [("patient", True), ("clinician", False)]

    assert phone.call("PUT", f"me/roles/{listed[1]['id']}").status_code == 204

    assert phone.get("me").json()["role"] == "clinician"
    assert phone.get(f"records?patient={world.gus.pk}").status_code == 200
    assert phone.get(f"records?patient={world.ada.pk}").status_code == 404
    assert phone.call("PUT", f"me/roles/{world.ben.pk}").status_code == 404


def sign_in_as_staff(phone: Phone) -> None:
    """What a whole sign-in of this account leaves: a session of staff, with its second factor."""
    row = Session.objects.get(pk=sessions.key_hash(phone.token))
    store = sessions.SessionStore(phone.token)
    store[sessions.KIND] = sessions.STAFF
    methods = store["account_authentication_methods"]
    store["account_authentication_methods"] = [
        *methods,
        {"method": "mfa", "at": methods[0]["at"], "type": "totp"},
    ]
    store.save()
    assert row


@pytest.mark.parametrize("paired", [True, False])
def test_a_session_that_was_begun_as_a_patients_never_acts_as_staff(world, paired):
    become_patient(world, world.finn.user)
    phone = Phone(world.finn.user, paired=paired)

    answer = phone.call("PUT", f"me/roles/{world.finn.pk}")

    if paired:
        assert answer.status_code == 404
        assert phone.get("me").json()["role"] == "patient"
    else:
        assert phone.get("me").status_code in (401, 403)


def test_a_phone_of_a_patient_who_is_staff_too_stays_signed_in_for_ninety_days(world):
    become_patient(world, world.finn.user)
    phone = Phone(world.finn.user, paired=False)
    sign_in_as_staff(phone)
    device = str(phone.device)
    assert phone.post("devices", {"id": device}).status_code == 201
    phone.headers["X-Device"] = device

    Session.objects.update(seen_at=timezone.now() - sessions.STAFF_IDLE)
    assert phone.get("me").status_code == 200

    assert Session.objects.get(device_id=device).expire_date > timezone.now() + sessions.STAFF_WHOLE


def test_a_patient_acts_as_a_caregiver_without_a_second_factor_in_a_sign_in_as_short_as_that_of_staff(world):
    begun_before = Phone(world.bea.user, paired=False)
    given = factories.caregiver(world.ada, world.bea.user, Category.PAIN)
    phone = Phone(world.bea.user, paired=False)
    assert User.objects.get(pk=world.bea.user_id).kind == AccountKind.CAREGIVER
    assert [each["role"] for each in phone.get("me/roles").json()["roles"] if each["this_one"]] == ["patient"]

    assert phone.call("PUT", f"me/roles/{given.pk}").status_code == 204

    assert phone.get("me").json()["role"] == "caregiver"
    assert phone.get(f"records?patient={world.ada.pk}").status_code == 200
    assert (
        Session.objects.get(pk=sessions.key_hash(phone.token)).expire_date
        < timezone.now() + sessions.STAFF_WHOLE
    )
    assert begun_before.call("PUT", f"me/roles/{given.pk}").status_code == 204
    assert begun_before.get("me").status_code == 401


def test_an_account_accepts_over_the_api_by_its_sign_in_alone(world):
    body = {"code": enrol(world, timezone.now()), "birth_date": str(BORN)}
    phone = Phone(world.finn.user)
    known = phone.post(
        "invitations/accept", body | {"email": world.finn.user.email, "password": "a long new passphrase"}
    )
    assert (known.status_code, known.json()["code"]) == (403, "invitation_refused")
    assert (
        Phone(world.cleo.user)
        .client.post("/api/v1/invitations/accept", body, content_type="application/json")
        .status_code
        == 401
    )

    assert phone.post("invitations/accept", body).status_code == 201

    assert own_roles(world.finn.user) == ["PATIENT", "CLINICIAN"]


@pytest.mark.parametrize("who", ["ada", "ben"])
def test_an_account_is_one_patient_and_one_member_of_staff(world, who):
    user = getattr(world, who).user
    with as_user(world.eve) as eve, rls.as_clinic(world.clinic.pk):
        staff = invitations.invite_staff(
            clinic_id=world.clinic.pk, name="X", role="CLINICIAN", team_id=None, at=NOW, by=eve
        )
    code = enrol(world) if who == "ada" else staff

    with pytest.raises(InvitationRejected):
        invitations.accept_with_account(
            user_id=user.pk, code=code, birth_date=BORN, at=NOW, for_patient=who == "ada"
        )


def test_staff_who_leave_stay_patients_and_may_come_back(world):
    user = world.cleo.user
    become_patient(world, user)
    with as_user(world.eve) as eve:
        roles.end_work(by=eve, member_id=world.cleo.pk, at=NOW)

    assert own_roles(user) == ["PATIENT"]
    assert User.objects.get(pk=user.pk).is_active
    assert not Session.objects.filter(user=user).exists()
    with as_user(world.finn) as finn, rls.as_clinic(world.other_clinic.pk):
        code = invitations.invite_staff(
            clinic_id=world.other_clinic.pk, name="Cleo", role="CLINICIAN", team_id=None, at=NOW, by=finn
        )
    invitations.accept_with_account(user_id=user.pk, code=code, birth_date=None, at=NOW, for_patient=False)
    assert own_roles(user) == ["PATIENT", "CLINICIAN"]


def test_the_fallback_contact_who_is_a_patient_too_does_not_leave(world):
    become_patient(world, world.dan.user)
    with as_clinic(world.clinic.pk):
        Clinic.objects.filter(pk=world.clinic.pk).update(fallback_contact=world.dan, activated_at=NOW)

    with as_user(world.eve) as eve, pytest.raises(LastFallbackContact):
        roles.end_work(by=eve, member_id=world.dan.pk, at=NOW)
    with as_clinic(world.clinic.pk):
        assert StaffMember.objects.get(pk=world.dan.pk).left_at is None


def test_caregivers_and_patients_of_one_account_are_audited_apart(world):
    become_patient(world, world.finn.user)
    given = factories.caregiver(world.ada, world.finn.user, Category.PAIN)
    with as_user(world.ada) as ada:
        caregivers.revoke(principal=ada, caregiver_id=given.pk, at=NOW)

    assert own_roles(world.finn.user) == ["PATIENT", "CLINICIAN"]

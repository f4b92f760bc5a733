"""Who somebody is and what they may read: the database lets nobody change it who can run SQL as the product."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.access.models import BreakGlassAccess, Caregiver, Consent, Device
from tracker.access.policy import Category
from tracker.accounts.models import AccountKind
from tracker.audit.models import SYSTEM, AuditEvent
from tracker.clinics import invitations
from tracker.clinics.models import DutyPeriod, Invitation, Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls

NOW = factories.MONDAY
HOUR = timedelta(hours=1)


@pytest.fixture
def role(world: factories.World):
    """The application's role in the widest context that it can set for itself, of Ada's clinic."""
    ada = str(world.ada.pk)
    with rls.context(
        clinic=str(world.clinic.pk),
        scope="clinic",
        own_patient=ada,
        patients=ada,
        person=str(world.ada.user_id),
    ):
        yield world


def refused(statement: str, *values: Any) -> str:
    """The text with which the database refuses the statement; it must touch a row."""
    with pytest.raises(ProgrammingError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)
    return str(caught.value)


def written() -> list[tuple[str, str, list[str]]]:
    """Return table, patient and columns of the events that the database left, oldest first."""
    with as_clinic(SYSTEM):
        events = AuditEvent.objects.filter(action="patient.relation_written").order_by("id")
        return [(each.kind, each.subject, each.detail["columns"]) for each in events]


def test_a_patient_is_tied_to_no_other_account(role):
    for value in (role.bea.user_id, role.ben.user_id, None):
        said = refused("UPDATE clinics_patient SET user_id = %s WHERE id = %s", value, role.ada.pk)
        assert "patient_keeps_the_account" in said


def test_the_account_that_a_patient_begins_with_leaves_an_audit_event(world):
    nan = factories.patient(world.clinic, "nan", world.team, user=None)
    account = factories.user("nan", AccountKind.PATIENT)
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=nan.pk).update(user=account)

    assert written() == [("clinics_patient", f"patient/{nan.pk}", ["user_id"])]


def test_another_team_or_primary_clinician_of_a_patient_leaves_an_audit_event(world):
    with as_clinic(world.clinic.pk):
        Patient.objects.filter(pk=world.ada.pk).update(
            care_team=world.bea.care_team, primary_clinician=world.cleo
        )
        Patient.objects.filter(pk=world.ada.pk).update(name="Ada", discharged_on=None)

    assert written() == [
        ("clinics_patient", f"patient/{world.ada.pk}", ["care_team_id", "primary_clinician_id"])
    ]


@pytest.fixture
def carl(world: factories.World):
    return factories.caregiver(world.ada, factories.user("carl", AccountKind.CAREGIVER), Category.PAIN)


def test_a_caregiver_stays_who_accepted_and_that_leaves_an_audit_event(world, carl):
    assert written() == [("access_caregiver", f"patient/{world.ada.pk}", ["user_id"])]
    with as_clinic(world.clinic.pk), rls.context(clinic=str(world.clinic.pk), own_patient=str(world.ada.pk)):
        Caregiver.objects.create(
            clinic_id=world.clinic.pk, patient=world.ada, user=world.finn.user, code=b"y" * 32, accept_by=NOW,
            invited_at=NOW, name="X", categories=["PAIN"], starts_at=NOW, ends_at=NOW,
        )  # fmt: skip
    assert len(written()) == 2, "who is put there in one statement, without an invitation, leaves one too"
    with as_clinic(world.clinic.pk), rls.context(clinic=str(world.clinic.pk), own_patient=str(world.ada.pk)):
        said = refused("UPDATE access_caregiver SET user_id = %s", world.finn.user_id)
        assert "caregiver_stays_who_accepted" in said
        for column, value in {
            "categories": ["PAIN", "MOOD"], "code": b"x" * 32, "accept_by": NOW, "invited_at": NOW, "name": "X",
            "by_recent_sign_in": True,
        }.items():  # fmt: skip
            assert "permission denied" in refused(f"UPDATE access_caregiver SET {column} = %s", value)


def test_what_has_ended_does_not_go_on(role, carl):
    with rls.context(clinic=str(role.clinic.pk), scope="clinic", own_patient=str(role.ada.pk)):
        period = {"clinic_id": role.clinic.pk, "staff_member": role.cleo}
        DutyPeriod.objects.create(**period, starts_at=NOW, ends_at=NOW + HOUR)
        BreakGlassAccess.objects.create(
            **period, patient=role.ada, user=role.cleo.user, begun_at=NOW, ends_at=NOW + HOUR / 2
        )
        Caregiver.objects.update(ends_at=NOW + HOUR)
        TeamMembership.objects.update(ends_at=NOW + HOUR)
        for table, name in {
            "clinics_dutyperiod": "duty_ends_earlier_only",
            "clinics_teammembership": "membership_ends_earlier_only",
            "access_breakglassaccess": "break_glass_ends_earlier_only",
            "access_caregiver": "caregiver_ends_earlier_only",
        }.items():
            assert name in refused(f"UPDATE {table} SET ends_at = ends_at + interval '1 s'")
            if table in {"clinics_teammembership", "access_caregiver"}:
                assert name in refused(f"UPDATE {table} SET ends_at = NULL")
            with connection.cursor() as cursor:
                cursor.execute(f"UPDATE {table} SET ends_at = ends_at - interval '1 s'")
                assert cursor.rowcount, table


def test_who_has_left_a_clinic_is_not_put_back(role):
    StaffMember.objects.filter(pk=role.cleo.pk).update(left_at=NOW)

    for value in (None, NOW - HOUR):
        said = refused("UPDATE clinics_staffmember SET left_at = %s WHERE id = %s", value, role.cleo.pk)
        assert "staff_who_left_stay_away" in said


def test_a_team_sees_what_the_changes_of_consent_say_and_no_statement_adds_to_it(role):
    for statement in (
        "UPDATE access_consent SET mood = NOT mood",
        "INSERT INTO access_consent (clinic_id, patient_id, team_id, pain, mood, medication, journal, visits,"
        f" treatment) VALUES ('{role.clinic.pk}', '{role.ada.pk}', '{role.bea.care_team_id}', true, true, true, true,"
        " true, true)",
    ):
        assert "consent_follows_its_changes" in refused(statement)
    assert Consent.objects.filter(patient=role.ada).exists()


def test_an_invitation_is_used_withdrawn_and_approved_once(role):
    invitations.invite_staff(
        clinic_id=role.clinic.pk, name="Gil", role=Role.CLINICIAN, team_id=None, at=NOW, by=None
    )
    gil, hal = factories.user("gil"), factories.user("hal")
    Invitation.objects.update(
        used_at=NOW, used_by=gil, approved_at=NOW, approved_by=role.eve.user, withdrawn_at=NOW
    )

    assert "permission denied" in refused("UPDATE clinics_invitation SET expires_at = now()")
    for change in (
        "used_by_id = %s",
        "used_at = now()",
        "withdrawn_at = NULL",
    ):
        values = [hal.pk] if "%s" in change else []
        assert "invitation_is_used_or_withdrawn_once" in refused(
            f"UPDATE clinics_invitation SET {change}", *values
        )
    for change in ("approved_by_id = NULL", "approved_at = now()"):
        assert "invitation_is_approved_once" in refused(f"UPDATE clinics_invitation SET {change}")


def test_a_phone_that_was_retired_is_not_brought_back(role):
    phone = Phone(role.ada.user)
    with rls.context(clinic=str(role.clinic.pk), scope="clinic", own_patient=str(role.ada.pk)):
        Device.objects.filter(id=phone.device).update(retired_at=NOW)
        assert "device_is_retired_for_good" in refused("UPDATE access_device SET retired_at = NULL")

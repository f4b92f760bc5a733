"""Who may see whom, at every instant; and the trace that each look leaves."""

import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from tests import factories
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.policy import Action
from tracker.access.principal import InactiveUser, load_principal
from tracker.accounts.models import User
from tracker.audit import actions as audit
from tracker.audit.models import AuditEvent
from tracker.clinics import responders
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import CareTeam, Clinic, DutyPeriod, Patient, Role, StaffMember, TeamMembership

NOW = factories.MONDAY
INSTANT = timedelta(microseconds=1)


def joins(world: factories.World, who: StaffMember, starts_at, ends_at=None) -> None:
    with as_clinic(world.clinic.pk):
        TeamMembership.objects.create(
            clinic_id=world.clinic.pk, team=world.team, staff_member=who, starts_at=starts_at, ends_at=ends_at
        )


def test_a_principal_is_loaded_with_role_patient_and_caseload(world):
    ada, ben, eve = act_as(world.ada), act_as(world.ben), act_as(world.eve)

    assert (ada.role, ada.patient_id, ada.time_zone, ada.is_patient) == (
        "PATIENT",
        world.ada.pk,
        factories.ZONE,
        True,
    )
    assert (ben.role, ben.staff_id, ben.patients) == ("CLINICIAN", world.ben.pk, frozenset({world.ada.pk}))
    assert (eve.role, eve.patients) == ("ADMINISTRATOR", frozenset())
    with pytest.raises(NotFoundOrHidden):
        _ = ben.own_patient_id


@pytest.mark.parametrize(("offset", "on_it"), [(-INSTANT, False), (timedelta(0), True)])
def test_a_membership_begins_at_its_first_instant(world, offset, on_it):
    joins(world, world.cleo, NOW)

    assert (world.ada.pk in act_as(world.cleo, NOW + offset).patients) is on_it


@pytest.mark.parametrize(("offset", "on_it"), [(-INSTANT, True), (timedelta(0), False)])
def test_a_membership_has_ended_at_its_last_instant(world, offset, on_it):
    joins(world, world.cleo, NOW - timedelta(days=1), NOW)

    assert (world.ada.pk in act_as(world.cleo, NOW + offset).patients) is on_it


def test_who_is_on_two_teams_sees_the_patients_of_both(world):
    joins(world, world.cleo, NOW)

    assert act_as(world.cleo).patients == {world.ada.pk, world.bea.pk}


def test_an_administrator_on_a_team_still_sees_no_patient(world):
    joins(world, world.eve, NOW)

    assert act_as(world.eve).patients == frozenset()


def test_a_patient_who_moves_to_another_team_is_seen_there_and_no_longer_here(world):
    with as_clinic(world.clinic.pk):
        south = CareTeam.objects.get(name="South")
        Patient.objects.filter(pk=world.ada.pk).update(care_team=south)

    assert act_as(world.ben).patients == frozenset()
    assert act_as(world.cleo).patients == {world.ada.pk, world.bea.pk}


def test_somebody_unknown_switched_off_or_of_no_clinic_is_nobody(world):
    stray = factories.user("stray")
    User.objects.filter(pk=world.dan.user_id).update(is_active=False)

    for nobody in (uuid.uuid4(), stray.pk, world.dan.user_id):
        with pytest.raises(InactiveUser):
            load_principal(nobody, NOW)
        assert not Patient.objects.exists()


def test_loading_another_principal_replaces_the_row_level_security_context(world):
    act_as(world.ben)
    load_principal(world.finn.user_id, NOW)

    assert set(Patient.objects.values_list("pk", flat=True)) == {world.gus.pk}


def test_opening_a_chart_records_an_audit_event_with_the_page_and_no_value(world):
    chart = open_chart(act_as(world.ben), world.ada.pk, purpose="dashboard/patient", at=NOW)

    with as_clinic(world.clinic.pk):
        event = AuditEvent.objects.get(action="chart.open")
    assert chart == world.ada
    assert (event.actor, event.subject, event.patient, event.at, event.detail) == (
        f"user/{world.ben.user_id}", "dashboard/patient", world.ada.pk, NOW, {"categories": []},
    )  # fmt: skip


def test_a_chart_of_another_team_cannot_be_opened_and_looks_missing(world):
    for stranger in (world.cleo, world.eve, world.finn, world.bea):
        principal = act_as(stranger)
        raised = []
        for wanted in (world.ada.pk, uuid.uuid4()):
            with pytest.raises(NotFoundOrHidden) as caught:
                open_chart(principal, wanted, purpose="test", at=NOW)
            raised.append(str(caught.value))
        assert raised[0] == raised[1]
    with as_clinic(world.clinic.pk):
        assert not AuditEvent.objects.filter(action="chart.open").exists()


def test_a_right_revoked_within_the_transaction_opens_no_chart(world):
    """The principal says yes, the database no longer does."""
    with as_user(world.ben) as principal:
        pass

    with pytest.raises(NotFoundOrHidden):
        open_chart(principal, world.ada.pk, purpose="test", at=NOW)


def test_row_level_security_refuses_an_audit_event_of_another_clinic(world):
    act_as(world.ben)

    with pytest.raises(audit.EventNotWritten) as refused, transaction.atomic():
        audit.record_event(actor="x", action="x", subject="x", clinic_id=world.other_clinic.pk, at=NOW)

    assert "row-level security" in str(refused.value.__cause__)


def test_row_level_security_refuses_an_audit_event_without_a_context(world):

    with pytest.raises(audit.EventNotWritten) as refused, transaction.atomic():
        audit.record_event(actor="x", action="x", subject="x", clinic_id=world.clinic.pk, at=NOW)

    assert "row-level security" in str(refused.value.__cause__)


def test_the_team_on_duty_is_clinical_active_and_of_the_moment(world):
    joins(world, world.eve, NOW)
    joins(world, world.cleo, NOW + INSTANT)
    with as_clinic(world.clinic.pk):
        assert set(responders.alert_responders(world.ada.pk, NOW)) == {world.ben.user_id, world.dan.user_id}
        assert set(responders.alert_responders(world.ada.pk, NOW + INSTANT)) == {
            world.ben.user_id, world.dan.user_id, world.cleo.user_id,
        }  # fmt: skip


@pytest.fixture
def active(world: factories.World) -> factories.World:
    """A clinic at work, whose fallback contact is Cleo; Ada's primary clinician is Ben."""
    with as_clinic(world.clinic.pk):
        Clinic.objects.filter(pk=world.clinic.pk).update(fallback_contact=world.cleo, activated_at=NOW)
        Patient.objects.filter(pk=world.ada.pk).update(primary_clinician=world.ben)
    return world


def duty(world: factories.World, who: StaffMember, starts_at, ends_at, team: CareTeam | None = None) -> None:
    with as_clinic(world.clinic.pk):
        DutyPeriod.objects.create(
            clinic_id=world.clinic.pk, staff_member=who, team=team, starts_at=starts_at, ends_at=ends_at
        )


def asked(world: factories.World, at=NOW) -> list[uuid.UUID]:
    with as_clinic(world.clinic.pk):
        return responders.alert_responders(world.ada.pk, at)


def test_the_primary_clinician_answers_first_and_the_team_is_asked_with_them(active):
    assert asked(active) == [active.ben.user_id, active.dan.user_id]


def test_who_is_on_duty_is_asked_for_as_long_as_they_are(active):
    duty(active, active.cleo, NOW, NOW + timedelta(hours=8))
    switch_off(active.ben)

    assert asked(active)[0] == active.cleo.user_id
    assert asked(active, NOW + timedelta(hours=8) - INSTANT)[0] == active.cleo.user_id
    assert asked(active, NOW - INSTANT) == [active.cleo.user_id, active.dan.user_id]


def test_without_primary_clinician_and_duty_the_fallback_answers_at_once(active):
    switch_off(active.ben)

    assert asked(active) == [active.cleo.user_id, active.dan.user_id]


def test_with_nobody_on_the_team_either_the_fallback_answers_alone(active):
    switch_off(active.ben)
    with as_clinic(active.clinic.pk):
        TeamMembership.objects.filter(team=active.team).update(ends_at=NOW)

    assert asked(active) == [active.cleo.user_id]


def switch_off(who: StaffMember) -> None:
    User.objects.filter(pk=who.user_id).update(is_active=False)


def test_a_clinic_is_not_active_without_a_fallback_who_can_answer(world):
    clinic = Clinic.objects.filter(pk=world.clinic.pk)
    for contact in (None, world.eve, world.finn):
        with pytest.raises(IntegrityError), transaction.atomic():
            clinic.update(fallback_contact=contact, activated_at=NOW)
    switch_off(world.cleo)
    with pytest.raises(IntegrityError, match="fallback"), transaction.atomic():
        clinic.update(fallback_contact=world.cleo, activated_at=NOW)


def test_an_active_clinic_keeps_its_fallback(active):
    with pytest.raises(IntegrityError, match="fallback"), transaction.atomic():
        Clinic.objects.filter(pk=active.clinic.pk).update(fallback_contact=None)
    with pytest.raises(IntegrityError, match="fallback"), transaction.atomic():
        switch_off(active.cleo)
    with as_clinic(active.clinic.pk):
        # A role stays as it was given.
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            StaffMember.objects.filter(pk=active.cleo.pk).update(role=Role.OPERATOR)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            StaffMember.objects.filter(pk=active.cleo.pk)._raw_delete("default")

    # Named anew, the former one may go.
    Clinic.objects.filter(pk=active.clinic.pk).update(fallback_contact=active.ben)
    switch_off(active.cleo)


def test_who_is_on_duty_for_a_team_sees_its_patients_for_as_long(world):
    duty(world, world.cleo, NOW, NOW + timedelta(hours=8), world.team)

    assert world.ada.pk in act_as(world.cleo, NOW).patients
    assert world.ada.pk not in act_as(world.cleo, NOW - INSTANT).patients
    assert world.ada.pk not in act_as(world.cleo, NOW + timedelta(hours=8)).patients


@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.OPERATOR, Role.ADMINISTRATOR])
def test_who_does_not_treat_sees_no_patient_even_on_a_team(world, role):
    hal = factories.staff(world.clinic, "hal", role, on=world.team)

    principal = act_as(hal)

    assert not principal.patients
    assert not Patient.objects.exists()


def test_the_whole_clinic_is_its_clinical_staff_and_no_other_clinics(world):
    with as_clinic(world.clinic.pk):
        assert set(responders.clinic_responders(world.clinic.pk)) == {
            world.ben.user_id, world.dan.user_id, world.cleo.user_id,
        }  # fmt: skip


@pytest.mark.parametrize("action", list(Action))
def test_an_administrator_has_no_right_to_anything_clinical(action):
    allowed = {
        Action.SEE_SELF,
        Action.READ_CATALOGUE,
        Action.READ_MESSAGES,
        Action.INVITE_PATIENT,
        Action.MANAGE_STAFF,
        Action.APPROVE_STAFF,
    }

    assert policy.role_may("ADMINISTRATOR", action) is (action in allowed)


@pytest.mark.parametrize("role", ["CLINICIAN", "COORDINATOR", "ADMINISTRATOR", "", "patient"])
def test_only_the_patient_writes_their_records(role):
    assert policy.role_may("PATIENT", Action.WRITE_RECORDS)
    assert not policy.role_may(role, Action.WRITE_RECORDS)


@pytest.mark.parametrize("action", [Action.OPEN_CHART, Action.SEE_CASELOAD, Action.ACKNOWLEDGE_ALERT])
def test_a_patient_has_no_right_of_the_teams(action):
    assert not policy.role_may("PATIENT", action)


def test_a_row_of_people_says_its_type_and_id_and_never_a_name(world):
    for row in (world.ada, world.ben, world.clinic, world.ada.user):
        shown = f"{row} {row!r}"
        assert str(row.pk) in shown
        shown = shown.replace(str(row.pk), "")  # an id may spell "ada"
        assert not any(name in shown.lower() for name in ("ada", "ben", "riverside", "@"))


def test_loading_a_principal_is_one_statement(world, django_assert_num_queries):
    with django_assert_num_queries(1):
        load_principal(world.ben.user_id, NOW)
    assert connection.in_atomic_block


def test_a_right_that_is_revoked_in_the_middle_of_a_task_is_missing_at_its_next_step(world):
    """A job that acts for a person enters anew at each step: what it was allowed at the first counts for none."""
    first = load_principal(world.ben.user_id, NOW)
    assert world.ada.pk in first.patients
    with as_clinic(world.clinic.pk):
        TeamMembership.objects.filter(staff_member=world.ben).update(ends_at=NOW)

    second = load_principal(world.ben.user_id, NOW)

    assert world.ada.pk not in second.patients
    assert not Patient.objects.filter(pk=world.ada.pk).exists()
    with pytest.raises(NotFoundOrHidden):
        open_chart(first, world.ada.pk, purpose="task", at=NOW)

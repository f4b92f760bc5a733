"""People come in by invitation: a code that works once, for some days, and says nothing to who guesses."""

import uuid
from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone

from tests import factories
from tests.architecture.test_rls import rows
from tests.concurrency import run_during
from tests.rls_context import act_as, as_clinic, as_user
from tracker.access.principal import load_principal
from tracker.accounts.models import AccountKind, User
from tracker.audit.models import AuditEvent
from tracker.clinics import invitation_codes, invitations
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.invitations import InvitationRejected
from tracker.clinics.models import Clinic, Invitation, Patient, Role, StaffMember, TeamMembership

NOW = factories.MONDAY
BORN = date(1980, 2, 29)
PASSWORD = "a long new passphrase"


def enrol(world: factories.World, by: StaffMember | None = None, team=None) -> tuple[uuid.UUID, str]:
    with as_user(by or world.ben) as principal:
        return invitations.enrol(
            principal=principal, name="Fay", birth_date=BORN, time_zone=factories.ZONE,
            team_id=(team or world.team).pk, at=NOW,
        )  # fmt: skip


def accept(
    code: str, email: str = "fay@example.org", birth_date: date | None = BORN, at=NOW, for_patient=True
) -> User:
    return invitations.accept(
        code=code, birth_date=birth_date, email=email, password=PASSWORD, at=at, for_patient=for_patient
    )


@pytest.fixture
def code(world: factories.World) -> str:
    return enrol(world)[1]


def test_a_patient_comes_in_with_the_code_and_her_date_of_birth(world):
    patient_id, code = enrol(world)

    user = accept(code.lower().replace("-", " "), "Fay@Example.org")

    entered = load_principal(user.pk, NOW)
    assert (entered.patient_id, entered.name, user.email) == (patient_id, "Fay", "fay@example.org")
    assert user.kind == AccountKind.PATIENT
    assert user.check_password(PASSWORD)
    assert user.password.startswith("argon2$argon2id$")


def test_a_patients_code_has_forty_bits_and_stands_nowhere(world, code):
    plain = code.replace("-", "")

    assert len(invitation_codes.ALPHABET) ** len(plain) == 2**40
    assert not set("01IO") & set(invitation_codes.ALPHABET)
    with as_clinic(world.clinic.pk):
        assert plain not in str(rows("SELECT clinics_invitation::text FROM clinics_invitation"))
        assert plain not in str(rows("SELECT audit_auditevent::text FROM audit_auditevent"))


def test_a_code_works_once(world, code):
    accept(code)

    with pytest.raises(InvitationRejected):
        accept(code, "another@example.org")
    assert not User.objects.filter(email="another@example.org").exists()


@pytest.mark.parametrize(("after", "works"), [(-timedelta(microseconds=1), True), (timedelta(0), False)])
def test_a_code_works_for_fourteen_days(world, code, after, works):
    at = NOW + timedelta(days=14) + after
    if works:
        assert accept(code, at=at)
    else:
        with pytest.raises(InvitationRejected):
            accept(code, at=at)


def test_another_date_of_birth_is_refused_and_five_of_them_end_the_invitation(world, code):
    for day in range(1, 6):
        with pytest.raises(InvitationRejected):
            accept(code, birth_date=date(1980, 3, day))

    with pytest.raises(InvitationRejected):
        accept(code)


def test_an_address_that_somebody_has_gets_the_same_answer_as_a_wrong_code(world, code):
    taken = world.bea.user.email

    with pytest.raises(InvitationRejected) as known:
        accept(code, taken)
    with pytest.raises(InvitationRejected) as unknown:
        accept("2222-2222")

    assert str(known.value) == str(unknown.value)
    assert accept(code)


def test_every_refusal_costs_one_hash_as_an_account_does(world, monkeypatch):
    """Counted, not timed: Argon2 is nearly all that an answer costs."""
    from django.contrib.auth.hashers import Argon2PasswordHasher

    hashed = []
    encode = Argon2PasswordHasher.encode

    def counted(self, password, salt):
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(Argon2PasswordHasher, "encode", counted)
    used, fresh, late = (enrol(world)[1] for _ in range(3))
    accept(used, "used@example.org")
    costs = []
    for given in (
        {"code": "2222-2222"}, {"code": used}, {"code": fresh, "birth_date": date(1999, 1, 1)},
        {"code": late, "at": NOW + timedelta(days=99)}, {"code": fresh, "email": world.bea.user.email},
        {"code": "\u00fc"},
    ):  # fmt: skip
        hashed.clear()
        with pytest.raises(InvitationRejected):
            accept(**given)
        costs.append(len(hashed))
    hashed.clear()
    accept(fresh, "fresh@example.org")

    assert costs == [1] * 6
    assert len(hashed) == 1


def test_a_new_code_ends_the_former_one(world):
    patient_id, former = enrol(world)
    with as_user(world.ben) as ben:
        again = invitations.reinvite(principal=ben, patient_id=patient_id, at=NOW)

    with pytest.raises(InvitationRejected):
        accept(former)
    assert accept(again)


def test_staff_enrol_into_their_own_teams_and_administrators_into_any_of_the_clinic(world):
    with pytest.raises(NotFoundOrHidden):
        enrol(world, by=world.cleo)
    assert enrol(world, by=world.eve)
    with pytest.raises(NotFoundOrHidden):
        enrol(world, by=world.finn)


def test_a_patient_of_another_team_is_not_invited_again(world):
    patient_id, _ = enrol(world)

    for stranger in (world.cleo, world.finn):
        with pytest.raises(NotFoundOrHidden):
            invitations.reinvite(principal=act_as(stranger), patient_id=patient_id, at=NOW)


def test_an_accepted_invitation_is_not_sent_again(world):
    with pytest.raises(NotFoundOrHidden):
        invitations.reinvite(principal=act_as(world.ben), patient_id=world.ada.pk, at=NOW)


def test_a_patients_code_makes_nobody_staff_and_staffs_none_a_patient(world, code):
    asked = invite_colleague(world)

    with pytest.raises(InvitationRejected):
        accept(code, for_patient=False, birth_date=None)
    with pytest.raises(InvitationRejected):
        accept(asked)
    assert accept(code)


def invite_colleague(world: factories.World, role: Role = Role.CLINICIAN) -> str:
    with as_user(world.eve) as by:
        pass
    with as_clinic(world.clinic.pk):
        return invitations.invite_staff(
            clinic_id=world.clinic.pk, name="Gil", role=role, team_id=world.team.pk, at=NOW, by=by
        )


def test_a_colleague_comes_in_with_role_and_team(world):
    code = invite_colleague(world, Role.COORDINATOR)

    user = accept(code, "gil@example.org", birth_date=None, for_patient=False)

    entered = load_principal(user.pk, NOW)
    assert (entered.role, entered.name, set(entered.patients)) == ("COORDINATOR", "Gil", {world.ada.pk})
    with as_clinic(world.clinic.pk):
        assert TeamMembership.objects.get(staff_member__user=user).starts_at == NOW
    assert len(code.replace("-", "")) == 16
    assert user.kind == AccountKind.STAFF


def test_a_team_of_another_clinic_is_none(world):
    with as_clinic(world.other_clinic.pk), pytest.raises(NotFoundOrHidden):
        invitations.invite_staff(
            clinic_id=world.other_clinic.pk,
            name="Gil",
            role="CLINICIAN",
            team_id=world.team.pk,
            at=NOW,
            by=None,
        )


def test_invitations_and_their_acceptance_are_audited(world):
    patient_id, code = enrol(world)
    user = accept(code)

    with as_clinic(world.clinic.pk):
        told = {(event.action, event.actor, event.patient) for event in AuditEvent.objects.all()}
    assert {
        ("patient.invite", f"user/{world.ben.user_id}", patient_id),
        ("invitation.accept", f"user/{user.pk}", patient_id),
    } <= told


def test_without_the_code_nobody_reads_an_invitation(world, code):
    """Row security alone: no filter of ours."""
    assert not Invitation.objects.exists()
    for stranger in (world.ada, world.cleo, world.finn):
        with as_user(stranger):
            assert not Invitation.objects.exists(), stranger.name
    with as_user(world.ben):
        assert Invitation.objects.count() == 1
    with transaction.atomic(), connection.cursor() as cursor:
        for guess, found in (
            (invitation_codes.code_hash("2222-2222"), 0),
            (invitation_codes.code_hash(code), 1),
        ):
            cursor.execute("SELECT set_config('app.invitation', %s, true)", [guess.hex()])
            assert Invitation.objects.count() == found


def test_nobody_invites_in_anothers_name(world):
    act_as(world.ben)
    with pytest.raises(Exception, match="row-level security"), transaction.atomic():
        Invitation.objects.create(
            clinic_id=world.clinic.pk, code=b"x" * 32, invited_by_id=world.eve.user_id, role="ADMINISTRATOR",
            name="Mallory", made_at=NOW, expires_at=NOW,
        )  # fmt: skip


def test_the_operator_founds_a_clinic_whose_administrator_comes_in(db):
    said = StringIO()
    call_command(
        "create_clinic",
        name="Seaside",
        time_zone="Europe/Lisbon",
        crisis_text="Call 112.",
        administrator="Hana",
        stdout=said,
    )
    code = said.getvalue().split()[-1]

    user = accept(code, "hana@example.org", birth_date=None, for_patient=False, at=timezone.now())

    entered = load_principal(user.pk, timezone.now())
    assert (entered.role, entered.name, entered.time_zone) == ("ADMINISTRATOR", "Hana", "Europe/Lisbon")
    assert [team.name for team in invitations.teams_of(entered, timezone.now())] == ["Care team"]


@pytest.mark.parametrize("wrong", [{"time_zone": "Mars/Olympus"}, {"name": " "}])
def test_a_clinic_is_not_founded_on_a_mistake(db, wrong):
    given = {
        "name": "Seaside",
        "time_zone": "Europe/Lisbon",
        "crisis_text": "Call 112.",
        "administrator": "Hana",
    } | wrong

    with pytest.raises(CommandError):
        call_command("create_clinic", **given)
    assert not Clinic.objects.exists()


def test_a_patient_with_an_open_invitation_is_on_the_caseload_and_has_no_sign_in(world):
    patient_id, _ = enrol(world)

    assert patient_id in act_as(world.ben).patients
    with as_clinic(world.clinic.pk):
        assert Patient.objects.get(pk=patient_id).user_id is None


def test_of_two_codes_made_at_once_for_one_patient_the_later_ends_the_earlier(live):
    patient_id, _ = enrol(live.world)

    @transaction.atomic
    def reinvite() -> str:
        return invitations.reinvite(principal=act_as(live.world.ben), patient_id=patient_id, at=NOW)

    assert isinstance(run_during(reinvite, reinvite), str)
    with as_clinic(live.world.clinic.pk):
        assert Invitation.objects.open(NOW).count() == 1

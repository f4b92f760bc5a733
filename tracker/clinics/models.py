"""Clinics, their staff and teams, their patients, and invitations to an account."""

import uuid
from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import F, Q

from tracker.accounts.models import User
from tracker.audit.append_only import ends_earlier_only, set_once
from tracker.clinics.rls import PATIENTS, TEAMS, patient_of_clinic, same_clinic
from tracker.lib import rls
from tracker.lib.constraints import all_or_none, one_of, ordered, within
from tracker.lib.table_constraints import CompositeForeignKey, RowLevelSecurity, Trigger
from tracker.lib.table_rights import TableRights

# So many wrong dates of birth, and the invitation is dead: a date is soon guessed.
MAX_ATTEMPTS = 5


class ClinicOwned(models.Model):
    """A row of one clinic, behind row-level security."""

    clinic_id = models.UUIDField(editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        # Never the primary key: of some rows it holds what was sent.
        return f"{self._meta.model_name}/{getattr(self, 'id', '')}"


class Role(models.TextChoices):
    """What a member of staff is. Only the first two see clinical content, of their teams' patients."""

    CLINICIAN = "CLINICIAN", "clinician"
    COORDINATOR = "COORDINATOR", "care coordinator"
    ADMINISTRATOR = "ADMINISTRATOR", "clinic administrator"
    PRIVACY_OFFICER = "PRIVACY_OFFICER", "privacy officer"
    OPERATOR = "OPERATOR", "operator"


class Clinic(models.Model):
    """A clinic: the tenant. It holds no health data and has no row-level security; all of its rows have."""

    db_rights = TableRights(fixed=("id",))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, help_text="IANA name")
    patients_see_summaries = models.BooleanField(default=False)
    crisis_text = models.TextField(help_text="shown to a patient with every positive safety answer")
    fallback_contact = models.ForeignKey(
        "StaffMember",
        models.PROTECT,
        null=True,
        related_name="+",
        help_text="who is told of an alert when nobody else is on duty",
    )
    activated_at = models.DateTimeField(null=True, help_text="from then on it always has a fallback contact")

    class Meta:
        constraints = [
            # That the contact can sign in is kept by this trigger, by that of ``StaffMember`` and that of accounts.
            Trigger(
                name="active_clinic_has_a_fallback",
                when="AFTER INSERT OR UPDATE",
                constraint="DEFERRABLE",
                condition="NEW.activated_at IS NOT NULL",
                execute="clinics_keep_fallback_of_clinic()",
            ),
            CompositeForeignKey(
                name="clinic_fallback_contact_of_clinic",
                columns=("id", "fallback_contact_id"),
                to_table="clinics_staffmember",
                to_columns=("clinic_id", "id"),
            ),
            models.CheckConstraint(
                condition=Q(activated_at__isnull=True) | Q(fallback_contact__isnull=False),
                name="clinic_is_active_with_a_fallback",
            ),
        ]

    def __str__(self) -> str:
        return f"clinic/{self.pk}"


class CareTeam(ClinicOwned):
    """The people who look after a group of patients together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            models.UniqueConstraint(fields=["clinic_id", "id"], name="team_of_clinic"),
        ]

    def __str__(self) -> str:
        return f"team/{self.pk}"


# Whoever approves that somebody begins to work at the clinic.
APPROVERS = (Role.ADMINISTRATOR, Role.PRIVACY_OFFICER)


class StaffMemberQuerySet(models.QuerySet["StaffMember"]):
    """Staff, narrowed in words of the domain."""

    def approvers(self) -> Self:
        return self.filter(role__in=APPROVERS)

    def at_work(self) -> Self:
        """Has not left, and the account is switched on."""
        return self.filter(left_at__isnull=True, user__is_active=True)


class StaffMember(ClinicOwned):
    """Somebody who works at a clinic, or did."""

    db_rights = TableRights(fixed=("user", "role"))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role.choices)
    left_at = models.DateTimeField(
        null=True, help_text="from then on the role opens nothing; the account may"
    )
    second_factor_reset_at = models.DateTimeField(
        null=True, help_text="when an administrator last let them set up a second factor anew"
    )

    objects = StaffMemberQuerySet.as_manager()

    class Meta:
        constraints = [
            # Who works where decides who sees whom: it is changed by the clinic's own jobs, never in a person's name.
            rls.clinic_jobs_write(f"{rls.OWN_USER} OR {rls.IN_CLINIC}"),
            Trigger(
                name="fallback_stays_clinical",
                when="AFTER UPDATE",
                constraint="DEFERRABLE",
                execute="clinics_keep_fallback_of_staff()",
            ),
            set_once("left_at", name="staff_who_left_stay_away"),
            one_of("role", Role, name="staff_role_is_known"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(left_at__isnull=True), name="staff_works_at_one_clinic_at_a_time"
            ),
            models.UniqueConstraint(fields=["clinic_id", "id"], name="staff_of_clinic"),
        ]

    def __str__(self) -> str:
        return f"staff/{self.pk}"


class DatedQuerySet(models.QuerySet[Any]):
    """Rows that hold from ``starts_at`` to ``ends_at`` (half-open)."""

    def active(self, at: Any) -> Self:
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


class TeamMembership(ClinicOwned):
    """Who was on which team, from when to when (half-open)."""

    db_rights = TableRights(fixed=("team", "staff_member", "starts_at"))
    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="memberships")
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="memberships")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            same_clinic("team_id", "clinics_careteam"),
            same_clinic("staff_member_id", "clinics_staffmember"),
            ordered("starts_at", "ends_at", name="membership_starts_before_it_ends"),
            ends_earlier_only(name="membership_ends_earlier_only"),
            models.UniqueConstraint(
                fields=["team", "staff_member"],
                condition=Q(ends_at__isnull=True),
                name="membership_once_at_a_time",
            ),
        ]


class DutyPeriod(ClinicOwned):
    """Who is on duty for alerts, from when to when (half-open): for one team, or for the whole clinic."""

    db_rights = TableRights(delete="a period that has not begun", fixed=("team", "staff_member", "starts_at"))
    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, null=True, related_name="+")
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            same_clinic("team_id", "clinics_careteam"),
            same_clinic("staff_member_id", "clinics_staffmember"),
            ordered("starts_at", "ends_at", name="duty_starts_before_it_ends"),
            ends_earlier_only(name="duty_ends_earlier_only"),
        ]
        indexes = [models.Index(fields=["clinic_id", "ends_at"], name="duty_by_end")]

    def __str__(self) -> str:
        return f"duty/{self.pk}"


class Patient(ClinicOwned):
    """
    Somebody in care. ``time_zone`` is where they live now; every record keeps the zone it was made in.

    ``user`` is empty until they have accepted their invitation: the clinic enrols, the person signs in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, null=True, related_name="patient")
    care_team = models.ForeignKey(CareTeam, models.PROTECT, related_name="patients")
    primary_clinician = models.ForeignKey(StaffMember, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=120)
    birth_date = models.DateField(null=True)
    time_zone = models.CharField(max_length=64)
    enrolled_on = models.DateField()
    discharged_on = models.DateField(null=True)
    sign_in_disabled_at = models.DateTimeField(
        null=True, help_text="since when the care team has closed the sign-in, until it is recovered"
    )
    alert_opened_to_clinic_at = models.DateTimeField(
        null=True, help_text="since when everybody clinical is asked about an alert that nobody has taken on"
    )

    class Meta:
        constraints = [
            rls.clinic_jobs_write(
                f"{rls.OWN_USER} OR ({rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR id = ANY ({PATIENTS})"
                f" OR care_team_id = ANY ({TEAMS})))"
            ),
            same_clinic("care_team_id", "clinics_careteam"),
            same_clinic("primary_clinician_id", "clinics_staffmember"),
            set_once("user_id", name="patient_keeps_the_account"),
            models.UniqueConstraint(fields=["clinic_id", "id"], name="patient_of_clinic"),
            ordered("enrolled_on", "discharged_on", name="patient_enrols_before_leaving"),
        ]
        indexes = [
            models.Index(fields=["care_team"], name="patient_by_team"),
            models.Index(
                fields=["clinic_id"],
                condition=Q(alert_opened_to_clinic_at__isnull=False),
                name="patient_asked_of_all",
            ),
        ]

    def __str__(self) -> str:
        return f"patient/{self.pk}"


class PatientOwned(ClinicOwned):
    """A row about one patient. ``clinics.rls`` says who reaches it, and ties ``clinic_id`` to ``patient``."""

    patient = models.ForeignKey(
        Patient, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, narrowed in words of the domain."""

    def open(self, at: datetime) -> Self:
        return self.filter(
            used_at__isnull=True,
            withdrawn_at__isnull=True,
            expires_at__gt=at,
            failed_attempts__lt=MAX_ATTEMPTS,
        )

    def waiting_for_approval(self) -> Self:
        """Taken by somebody who is to work here, and not yet approved or refused by a second person."""
        return self.filter(
            patient__isnull=True, used_at__isnull=False, approved_at__isnull=True, withdrawn_at__isnull=True
        )


# Read by who made it, by the clinic's own jobs, and by whoever holds its code: they name it before they are anybody.
_OWN_INVITATION = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR invited_by_id = {rls.PERSON})"
HELD_CODE = "code = (SELECT decode(NULLIF(current_setting('app.invitation', true), ''), 'hex'))"


class Invitation(ClinicOwned):
    """
    A clinic asks one person in, as a patient that it has enrolled or as a member of its staff.

    ``code`` is a keyed hash: what was handed over stands nowhere. It works once, and until ``expires_at``. Of staff the
    role begins at ``approved_at``; ``approved_by`` is empty where there was no second person to ask.
    """

    db_rights = TableRights(
        fixed=("code", "invited_by", "patient", "role", "name", "care_team", "made_at", "expires_at")
    )
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.BinaryField(max_length=32)
    invited_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, db_constraint=False, related_name="+")
    role = models.CharField(max_length=16, blank=True, choices=Role.choices)
    name = models.CharField(max_length=120, blank=True)
    care_team = models.ForeignKey(CareTeam, models.PROTECT, null=True, related_name="+")
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    failed_attempts = models.SmallIntegerField(default=0)
    used_at = models.DateTimeField(null=True)
    used_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            RowLevelSecurity(
                name="%(class)s_rls",
                read=f"({_OWN_INVITATION}) OR {HELD_CODE}",
                insert=_OWN_INVITATION,
                update=_OWN_INVITATION,
                delete=rls.CLINIC_JOB,
            ),
            patient_of_clinic(),
            same_clinic("care_team_id", "clinics_careteam"),
            models.UniqueConstraint(fields=["code"], name="invitation_code_is_given_once"),
            models.CheckConstraint(
                condition=Q(patient__isnull=False, role="", name="")
                | Q(patient__isnull=True, role__in=Role.values, name__gt=""),
                name="invitation_is_for_a_patient_or_for_staff",
            ),
            set_once("used_at", "used_by_id", "withdrawn_at", name="invitation_is_used_or_withdrawn_once"),
            Trigger(
                name="invitation_is_approved_once",
                when="BEFORE UPDATE",
                condition="OLD.approved_at IS NOT NULL AND (NEW.approved_at, NEW.approved_by_id)"
                " IS DISTINCT FROM (OLD.approved_at, OLD.approved_by_id)",
                execute="refuse_change()",
            ),
            all_or_none("used_at", "used_by", name="invitation_used_at_and_by"),
            # With no approver named only where there is none, and was none lately (``approvals.COUNTS_FOR``).
            Trigger(
                name="staff_begin_with_an_approval",
                when="BEFORE INSERT OR UPDATE",
                condition="NEW.approved_at IS NOT NULL AND NEW.approved_by_id IS NULL"
                " AND NEW.invited_by_id IS NOT NULL AND NEW.patient_id IS NULL",
                execute="clinics_require_approval()",
            ),
            # Nobody makes herself a clinician, and nobody approves what she has asked for.
            models.CheckConstraint(
                condition=Q(used_by__isnull=True) | Q(invited_by__isnull=True) | ~Q(used_by=F("invited_by")),
                name="invitation_is_taken_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True)
                | (
                    Q(approved_at__isnull=False, used_by__isnull=False)
                    & ~Q(approved_by=F("used_by"))
                    & (Q(invited_by__isnull=True) | ~Q(approved_by=F("invited_by")))
                ),
                name="invitation_is_approved_by_somebody_else",
            ),
            within("failed_attempts", 0, MAX_ATTEMPTS, name="invitation_failed_attempts_0_to_5"),
            ordered("made_at", "expires_at", name="invitation_made_before_it_expires"),
        ]

    def __str__(self) -> str:
        return f"invitation/{self.pk}"

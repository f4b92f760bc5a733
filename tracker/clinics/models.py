"""Clinics, their staff and care teams."""

import uuid
from typing import Any, Self

from django.db import models
from django.db.models import Q

from tracker.accounts.models import User
from tracker.clinics.models import ClinicOwned
from tracker.lib.constraints import one_of, ordered


class Role(models.TextChoices):
    """What a member of staff is. Only the first two see clinical content, of their teams' patients."""

    CLINICIAN = "CLINICIAN", "clinician"
    COORDINATOR = "COORDINATOR", "care coordinator"
    ADMINISTRATOR = "ADMINISTRATOR", "clinic administrator"
    PRIVACY_OFFICER = "PRIVACY_OFFICER", "privacy officer"
    OPERATOR = "OPERATOR", "operator"


class Clinic(models.Model):
    """A clinic: the tenant. It holds no health data and so has no wall; everything below it has one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=64, help_text="IANA name")
    patients_see_summaries = models.BooleanField(default=False)
    crisis_text = models.TextField(help_text="shown to a patient with every answer that worries us")
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
            # That the contact can sign in is kept by triggers (second migration of this room).
            models.CheckConstraint(
                condition=Q(activated_at__isnull=True) | Q(fallback_contact__isnull=False),
                name="clinic_is_active_with_a_fallback",
            )
        ]

    def __str__(self) -> str:
        return f"clinic/{self.pk}"


class CareTeam(ClinicOwned):
    """The people who look after a group of patients together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["clinic_id", "id"], name="team_of_clinic")]

    def __str__(self) -> str:
        return f"team/{self.pk}"


class StaffMember(ClinicOwned):
    """Somebody who works at a clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, related_name="staff_member")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        constraints = [
            one_of("role", Role, name="staff_role_is_known"),
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

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="memberships")
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="memberships")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [
            ordered("starts_at", "ends_at", name="membership_starts_before_it_ends"),
            models.UniqueConstraint(
                fields=["team", "staff_member"],
                condition=Q(ends_at__isnull=True),
                name="membership_once_at_a_time",
            ),
        ]


class DutyPeriod(ClinicOwned):
    """Who is on duty for alerts, from when to when (half-open): for one team, or for the whole clinic."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, null=True, related_name="+")
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    objects = DatedQuerySet.as_manager()

    class Meta:
        constraints = [ordered("starts_at", "ends_at", name="duty_starts_before_it_ends")]
        indexes = [models.Index(fields=["clinic_id", "ends_at"], name="duty_by_end")]

    def __str__(self) -> str:
        return f"duty/{self.pk}"

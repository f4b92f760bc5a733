"""Who: people who sign in, clinics, patients, staff, care teams, devices and the patients' data keys."""

import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from tracker.lib.constraints import one_of, ordered


class Role(models.TextChoices):
    """What a member of staff is. An administrator sees no clinical content."""

    CLINICIAN = "CLINICIAN", "clinician"
    COORDINATOR = "COORDINATOR", "care coordinator"
    ADMINISTRATOR = "ADMINISTRATOR", "clinic administrator"


class UserManager(BaseUserManager["User"]):
    """Makes people who sign in with an e-mail address."""

    def create_user(self, email: str, password: str | None = None, **more: Any) -> "User":
        user = self.model(email=email.strip().lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """Somebody who can sign in. Names and roles stand in the clinic's own rows, behind its wall."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="user_email_in_lower_case"),
        ]

    def __str__(self) -> str:
        return f"user/{self.pk}"


class Clinic(models.Model):
    """A clinic: the tenant. It holds no health data and so has no wall; everything below it has one."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    zone = models.CharField(max_length=64, help_text="IANA name")
    patients_see_summaries = models.BooleanField(default=False)
    crisis_text = models.TextField(help_text="shown to a patient with every answer that worries us")

    def __str__(self) -> str:
        return f"clinic/{self.pk}"


class Walled(models.Model):
    """A row of one clinic, behind row-level security."""

    clinic_id = models.UUIDField(editable=False)

    class Meta:
        abstract = True


class CareTeam(Walled):
    """The people who look after a group of patients together."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)


class StaffMember(Walled):
    """Somebody who works at a clinic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, related_name="staff_member")
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=16, choices=Role.choices)

    class Meta:
        constraints = [one_of("role", Role, name="staff_role_is_known")]

    def __str__(self) -> str:
        return f"staff/{self.pk}"


class TeamMembershipQuerySet(models.QuerySet["TeamMembership"]):
    """Memberships, narrowed in words of the domain."""

    def active(self, at: Any) -> Self:
        return self.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at), starts_at__lte=at)


class TeamMembership(Walled):
    """Who was on which team, from when to when (half-open)."""

    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="memberships")
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="memberships")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = TeamMembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            ordered("starts_at", "ends_at", name="membership_starts_before_it_ends"),
            models.UniqueConstraint(
                fields=["team", "staff_member"],
                condition=Q(ends_at__isnull=True),
                name="membership_once_at_a_time",
            ),
        ]


class Patient(Walled):
    """Somebody in care. ``zone`` is where they live now; every record keeps the zone it was made in."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(User, models.PROTECT, related_name="patient")
    care_team = models.ForeignKey(CareTeam, models.PROTECT, related_name="patients")
    name = models.CharField(max_length=120)
    born_on = models.DateField(null=True)
    zone = models.CharField(max_length=64)
    enrolled_on = models.DateField()
    left_on = models.DateField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["clinic_id", "id"], name="patient_of_clinic"),
            ordered("enrolled_on", "left_on", name="patient_enrols_before_leaving"),
        ]
        indexes = [models.Index(fields=["care_team"], name="patient_by_team")]

    def __str__(self) -> str:
        return f"patient/{self.pk}"


class PatientOwned(Walled):
    """A row about one patient. The database ties ``clinic_id`` and ``patient`` together (``lib.walls``)."""

    patient = models.ForeignKey(
        Patient, models.PROTECT, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        abstract = True


class Device(PatientOwned):
    """A patient's phone. Its id is made on the phone, so it is unique per patient, never globally."""

    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    label = models.CharField(max_length=80, blank=True)
    paired_at = models.DateTimeField()
    retired_at = models.DateTimeField(null=True)


class DataKey(PatientOwned):
    """A patient's own key for free text, wrapped by the master key that is kept outside the database."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master_key_id = models.CharField(max_length=32)
    wrapped = models.BinaryField()
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["patient"], name="data_key_once_per_patient")]

    def __str__(self) -> str:
        return f"data-key/{self.pk}"

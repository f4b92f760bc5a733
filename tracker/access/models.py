"""Who may see a patient: consent, caregivers, emergency access; the patient's profile and phones."""

import uuid
from datetime import datetime, timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from tracker.access.policy import Category
from tracker.accounts.models import User
from tracker.audit.append_only import append_only, ends_earlier_only, set_once, written_by_triggers
from tracker.clinics.models import HELD_CODE, MAX_ATTEMPTS, CareTeam, DatedQuerySet, PatientOwned, StaffMember
from tracker.clinics.rls import IS_OWN, TEAMS, patient_of_clinic, patient_only, same_clinic, team_only
from tracker.keys.encrypted_table import encrypted_table
from tracker.keys.models import EncryptedText
from tracker.lib import rls
from tracker.lib.constraints import one_of, ordered, within
from tracker.lib.table_constraints import RowLevelSecurity, Trigger
from tracker.lib.table_rights import APPEND_ONLY, READ_ONLY, TableRights

MAX_DURATION = timedelta(minutes=60)
_OWN = f"{rls.IN_CLINIC} AND {IS_OWN}"


class ConsentText(models.Model):
    """A published version of the words in which consent is asked. A trigger refuses to change or remove it."""

    db_rights = READ_ONLY
    version = models.PositiveIntegerField(primary_key=True)
    content = models.JSONField()
    published_at = models.DateTimeField()

    class Meta:
        constraints = [*append_only()]

    def __str__(self) -> str:
        return f"consent-text/{self.pk}"


class ConsentChange(PatientOwned):
    """One category given to a team, or withdrawn from it. Append-only; a trigger brings it into ``Consent``."""

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="+")
    category = models.CharField(max_length=12)
    given = models.BooleanField()
    text = models.ForeignKey(ConsentText, models.PROTECT, related_name="+")
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    by_recent_sign_in = models.BooleanField(
        default=False, help_text="``devices.is_recent`` when it was given"
    )

    class Meta:
        constraints = [
            # Consent is the patient's to give and to withdraw, and nobody's else.
            patient_of_clinic(),
            same_clinic("team_id", "clinics_careteam"),
            RowLevelSecurity(
                name="%(class)s_rls",
                read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {IS_OWN})",
                insert=f"{_OWN} AND by_id = {rls.PERSON}",
                update=rls.CLINIC_JOB,
                delete=rls.CLINIC_JOB,
            ),
            *append_only(),
            Trigger(name="%(class)s_applied", when="AFTER INSERT", execute="access_apply_consent_change()"),
            one_of("category", Category, name="consent_category_is_known"),
        ]
        indexes = [models.Index(fields=["patient", "-id"], name="consent_change_by_patient")]

    def __str__(self) -> str:
        return f"consent-change/{self.pk}"


class Consent(PatientOwned):
    """What stands now between a patient and a team. What is not there was never given."""

    pk = models.CompositePrimaryKey("patient_id", "team_id")
    team = models.ForeignKey(CareTeam, models.PROTECT, related_name="+")
    pain = models.BooleanField(default=False)
    mood = models.BooleanField(default=False)
    medication = models.BooleanField(default=False)
    journal = models.BooleanField(default=False)
    visits = models.BooleanField(default=False)
    treatment = models.BooleanField(default=False)

    class Meta:
        constraints = [
            patient_of_clinic(),
            same_clinic("team_id", "clinics_careteam"),
            RowLevelSecurity(
                name="%(class)s_rls",
                read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {IS_OWN} OR team_id = ANY ({TEAMS}))",
                insert=_OWN,
                update=_OWN,
                delete=rls.CLINIC_JOB,
            ),
            written_by_triggers(name="consent_follows_its_changes"),
        ]

    def categories(self) -> frozenset[Category]:
        """Return what the team may see."""
        return frozenset(category for category in Category if getattr(self, category.lower()))

    def __str__(self) -> str:
        return "consent"


class CaregiverQuerySet(DatedQuerySet):
    """Caregivers, narrowed in words of the domain."""

    def standing(self, at: datetime) -> Self:
        """Not ended: those who see something now, and those who may still accept."""
        return self.filter(
            Q(ends_at__isnull=True) | Q(ends_at__gt=at), Q(user__isnull=False) | Q(accept_by__gt=at)
        )

    def acceptable(self, at: datetime) -> Self:
        """Open for somebody who has the code."""
        return self.standing(at).filter(user__isnull=True, accept_by__gt=at, failed_attempts__lt=MAX_ATTEMPTS)


class Caregiver(PatientOwned):
    """
    Somebody to whom the patient shows some categories, from when to when, and whom she may let write in them.

    ``writes_since`` is when the patient allowed it, empty if they may not; ``version`` grows with each change of that,
    and when the access ends.

    ``user`` is empty until they have accepted with the code that the patient gave them, which works until
    ``accept_by``; ``code`` is a keyed hash of it. ``starts_at`` is when they were invited, then when they accepted.
    """

    db_rights = TableRights(
        fixed=("code", "accept_by", "invited_at", "name", "categories", "by_recent_sign_in")
    )
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    code = models.BinaryField(max_length=32)
    accept_by = models.DateTimeField()
    failed_attempts = models.SmallIntegerField(default=0)
    invited_at = models.DateTimeField()
    name = models.CharField(max_length=120)
    categories = ArrayField(models.CharField(max_length=12))
    by_recent_sign_in = models.BooleanField(
        default=False, help_text="``devices.is_recent`` at the invitation"
    )
    writes_since = models.DateTimeField(null=True)
    writes_by_recent_sign_in = models.BooleanField(
        default=False, help_text="``devices.is_recent`` when writing was allowed"
    )
    version = models.PositiveIntegerField(default=1)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True)

    objects = CaregiverQuerySet.as_manager()

    class Meta:
        constraints = [
            patient_of_clinic(),
            RowLevelSecurity(
                name="%(class)s_rls",
                read=f"{rls.OWN_USER} OR {HELD_CODE} OR ({rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {IS_OWN}))",
                insert=_OWN,
                update=_OWN,
                delete=rls.CLINIC_JOB,
            ),
            set_once("user_id", name="caregiver_stays_who_accepted"),
            ends_earlier_only(name="caregiver_ends_earlier_only"),
            # Whoever becomes a patient's caregiver, or may write as one, by whatever statement, leaves an event.
            Trigger(
                name="caregiver_records_who",
                when="AFTER INSERT OR UPDATE",
                execute="access_record_relation_change('user_id', 'writes_since')",
            ),
            ordered("starts_at", "ends_at", name="caregiver_starts_before_the_end"),
            ordered("invited_at", "accept_by", name="caregiver_is_invited_before_the_code_ends"),
            within("failed_attempts", 0, MAX_ATTEMPTS, name="caregiver_failed_attempts_0_to_5"),
            models.UniqueConstraint(fields=["code"], name="caregiver_code_is_given_once"),
            models.CheckConstraint(
                condition=Q(categories__contained_by=[category.value for category in Category])
                & ~Q(categories=[]),
                name="caregiver_categories_are_known",
            ),
            models.UniqueConstraint(
                fields=["patient", "user"], condition=Q(ends_at__isnull=True), name="caregiver_once_at_a_time"
            ),
        ]
        indexes = [models.Index(fields=["patient", "starts_at"], name="caregiver_by_patient")]

    def __str__(self) -> str:
        return f"caregiver/{self.pk}"


class BreakGlassAccess(PatientOwned):
    """
    A clinician opened one patient's chart without being on the team, or beyond what is shared, and said why.

    It ends by itself at ``ends_at``, within 60 minutes.
    """

    db_rights = TableRights(fixed=("staff_member", "user", "begun_at"))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    staff_member = models.ForeignKey(StaffMember, models.PROTECT, related_name="+")
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    begun_at = models.DateTimeField()
    ends_at = models.DateTimeField()

    class Meta:
        constraints = [
            patient_of_clinic(),
            same_clinic("staff_member_id", "clinics_staffmember"),
            rls.clinic_jobs_write(
                f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {rls.OWN_USER} OR {IS_OWN} OR {rls.IS_PRIVACY_OFFICER})"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__gte=F("begun_at")) & Q(ends_at__lte=F("begun_at") + MAX_DURATION),
                name="break_glass_holds_60_minutes_at_most",
            ),
            ends_earlier_only(name="break_glass_ends_earlier_only"),
            models.UniqueConstraint(fields=["clinic_id", "id"], name="break_glass_of_clinic"),
        ]
        indexes = [
            models.Index(fields=["user", "-ends_at"], name="break_glass_by_user"),
            models.Index(fields=["patient", "-begun_at"], name="break_glass_by_patient"),
        ]

    def __str__(self) -> str:
        return f"break-glass/{self.pk}"


class BreakGlassReason(EncryptedText):
    """The reason of a break-glass access, in the clinician's words, encrypted under the patient's own key."""

    pk = models.CompositePrimaryKey("patient_id", "access_id")
    access = models.OneToOneField(BreakGlassAccess, models.PROTECT, related_name="+")

    KEY_FIELDS = ("access_id",)

    class Meta(EncryptedText.Meta):
        constraints = [
            patient_of_clinic(),
            same_clinic("access_id", "access_breakglassaccess"),
            rls.clinic_jobs_write(f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {IS_OWN})"),
            *encrypted_table(),
        ]

    def __str__(self) -> str:
        return f"break-glass-reason/{self.access_id}"


class ProfileVersion(EncryptedText):
    """
    What a patient has said of themselves, from ``starts_at`` on (NULL: since enrolment) until the next version.

    The text is JSON of ``name`` and ``phone``, encrypted. ``clinics.Patient`` has the name and the time zone of the
    highest ``number``; a patient who has changed nothing has no row, and is at version 1.
    """

    pk = models.CompositePrimaryKey("patient_id", "number")
    number = models.PositiveIntegerField()
    time_zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField(null=True)

    KEY_FIELDS = ("number",)

    class Meta(EncryptedText.Meta):
        constraints = [*team_only(), *encrypted_table()]

    def __str__(self) -> str:
        return f"profile-version/{self.number}"


class EmailChange(EncryptedText):
    """A new address of a patient's account, encrypted; it waits for its ``code`` (a keyed hash)."""

    db_rights = TableRights(delete="confirmed, or of no use any more")
    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    code = models.BinaryField(max_length=32)
    expires_at = models.DateTimeField()

    KEY_FIELDS = ("id",)

    class Meta(EncryptedText.Meta):
        constraints = [*patient_only(), *encrypted_table(is_temporary=True)]

    def __str__(self) -> str:
        return f"email-change/{self.id}"


class Device(PatientOwned):
    """
    A patient's phone. Its id is made on the phone, so it is unique per patient, never globally.

    What its owner calls it is encrypted (``DeviceLabel``).
    """

    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    paired_at = models.DateTimeField()
    bound_at = models.DateTimeField(help_text="when the latest sign-in was bound to it")
    retired_at = models.DateTimeField(null=True)
    retires_at = models.DateTimeField(null=True, help_text="when it is retired unless it says no before")

    class Meta:
        constraints = [*patient_only(), set_once("retired_at", name="device_is_retired_for_good")]


class DeviceLabel(EncryptedText):
    """What a patient calls a phone, encrypted; the highest ``number`` of a phone is what they call it now."""

    pk = models.CompositePrimaryKey("patient_id", "device_id", "number")
    device_id = models.UUIDField()
    number = models.PositiveIntegerField()

    KEY_FIELDS = ("device_id", "number")

    class Meta(EncryptedText.Meta):
        constraints = [*patient_only(), *encrypted_table()]

    def __str__(self) -> str:
        return f"device-label/{self.device_id}"

"""The envelope that every record shares, the patient's timeline, and the history of former versions."""

from django.db import models
from django.db.models import Q

from tracker.access.policy import Category
from tracker.accounts.models import User
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import one_of, one_of_or_null


class ClockSkew(models.TextChoices):
    """What we think of the phone's clock: a record is flagged, never refused, for it."""

    NONE = "NONE", "plausible"
    AHEAD = "AHEAD", "more than 10 minutes ahead of receipt"
    BEHIND = "BEHIND", "more than 30 days behind receipt"


class AmendmentReason(models.TextChoices):
    """Why a record was amended or removed, as far as its author says."""

    TYPO = "TYPO", "a slip of the finger"
    REMEMBERED = "REMEMBERED", "remembered better"
    ADDED = "ADDED", "added to it"
    WRONG_DAY = "WRONG_DAY", "belongs to another day"
    TWICE = "TWICE", "entered twice"
    NOT_MINE = "NOT_MINE", "was not about me"
    ASKED = "ASKED", "after a talk with the care team"
    OTHER = "OTHER", "other"


class PatientRecord(PatientOwned):
    """
    A record: keyed by patient and by an id made on the phone.

    ``recorded_at`` and ``time_zone`` are the patient's, ``local_date`` the day they give; ``received_at`` is ours.
    ``sequence`` numbers the patient's changes, given under the timeline's lock, so it commits in order.
    ``amendment_reason`` says why this revision replaced the one before.
    ``fingerprint`` tells whether the same id arrives again with the same content. ``removed_at`` is set on
    a tombstone, which keeps its place in the order of changes.
    """

    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    revision = models.PositiveIntegerField()
    recorded_at = models.DateTimeField()
    time_zone = models.CharField(max_length=64)
    local_date = models.DateField()
    received_at = models.DateTimeField()
    device_id = models.UUIDField(null=True)
    author = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    sequence = models.BigIntegerField()
    entered_late = models.BooleanField(help_text="received on a later local day than it tells of")
    clock_skew = models.CharField(max_length=8, choices=ClockSkew.choices, default=ClockSkew.NONE)
    amendment_reason = models.CharField(max_length=12, choices=AmendmentReason.choices, null=True)  # noqa: DJ001 - NULL: none given
    fingerprint = models.BinaryField(max_length=32)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(revision__gte=1), name="%(class)s_revision_from_one"),
            one_of("clock_skew", ClockSkew, name="%(class)s_clock_skew_is_known"),
            one_of_or_null("amendment_reason", AmendmentReason, name="%(class)s_amendment_reason_is_known"),
            models.UniqueConstraint(fields=["patient", "sequence"], name="%(class)s_sequence_once"),
        ]
        indexes = [models.Index(fields=["patient", "local_date"], name="%(class)s_by_day")]

    def __str__(self) -> str:
        return f"{self._meta.model_name}/{self.id}"

    def __repr__(self) -> str:
        return f"<{self}>"


class ChangeCounter(PatientOwned):
    """
    The head of a patient's changes. Its lock puts one patient's writers in line; others never wait.

    ``stored_bytes`` counts what was stored, as it was sent: each version of each record, removed or not.
    """

    pk = models.CompositePrimaryKey("patient_id", "clinic_id")
    head = models.BigIntegerField(default=0)
    stored_bytes = models.BigIntegerField(default=0)


class Epoch(models.Model):
    """
    The age of the world. The newest row counts: after a restore from a backup a new one begins.

    Cursors name the epoch that they were made in, since change numbers may have been given twice after a restore.
    It holds nothing of a clinic and has no wall; the application reads it, the operator's command adds to it.
    """

    db_rights = "read_only"
    number = models.AutoField(primary_key=True)
    began_at = models.DateTimeField()
    why = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"epoch/{self.number}"


class FormerVersion(PatientOwned):
    """What a record was before it was amended or removed. A trigger writes it; nothing changes it."""

    db_rights = "append_only"
    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32)
    category = models.CharField(max_length=12)
    record_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    fingerprint = models.BinaryField(max_length=32, null=True)
    row = models.JSONField()
    replaced_at = models.DateTimeField()

    class Meta:
        constraints = [one_of("category", Category, name="former_version_category_is_known")]
        indexes = [models.Index(fields=["patient", "record_id", "revision"], name="former_version_by_record")]

    def __str__(self) -> str:
        return f"former-version/{self.pk}"

"""The envelope that every record shares: the columns of each kind's table beside its data."""

from django.db import models
from django.db.models import Q

from tracker.accounts.models import User
from tracker.clinics.models import PatientOwned
from tracker.lib.constraints import one_of, one_of_or_null, within
from tracker.records.reading_source import Origin, SourceDevice, SourceWho


class ClockSkew(models.TextChoices):
    """What we think of the phone's clock: a record is flagged, never refused, for it."""

    NONE = "none", "plausible"
    AHEAD = "ahead", "more than 10 minutes ahead of receipt"
    BEHIND = "behind", "more than 30 days behind receipt"


class ZoneCheck(models.TextChoices):
    """What we make of a record's zone beside the offset of its instant: a record is never refused for it."""

    CONSISTENT = "consistent", "the zone is known, and the offset is its own"
    OFFSET_DIFFERS = "offset_differs", "the offset is not that of the zone at that instant"
    UNKNOWN_ZONE = "unknown_zone", "the zone is not known: the day is that of the offset"


class AmendmentReason(models.TextChoices):
    """Why a record was amended or removed, as far as its author says."""

    TYPO = "typo", "a slip of the finger"
    REMEMBERED = "remembered", "remembered better"
    ADDED = "added", "added to it"
    WRONG_DAY = "wrong_day", "belongs to another day"
    TWICE = "twice", "entered twice"
    NOT_MINE = "not_mine", "was not about me"
    ASKED = "asked", "after a talk with the care team"
    OTHER = "other", "other"


class PatientRecord(PatientOwned):
    """
    A record: keyed by patient and by an id made on the phone.

    ``recorded_at``, ``utc_offset_minutes`` (NULL: sent as ``Z``) and ``time_zone`` are the patient's, ``local_date``
    the day that the entry is about by them; ``received_at`` is ours.
    ``origin`` is ``imported`` of what was brought along from elsewhere; ``source_...`` say what made a reading.
    ``sequence`` numbers the patient's changes, given under the lock of ``change_counter``, so it commits in order.
    ``amendment_reason`` says why this revision replaced the one before.
    ``fingerprint`` tells whether the same id arrives again with the same content. ``removed_at`` is set on
    a tombstone, which keeps its place in the order of changes.
    """

    pk = models.CompositePrimaryKey("patient_id", "id")
    id = models.UUIDField()
    revision = models.PositiveIntegerField()
    recorded_at = models.DateTimeField()
    utc_offset_minutes = models.SmallIntegerField(null=True)
    time_zone = models.CharField(max_length=64)
    zone_check = models.CharField(max_length=16, choices=ZoneCheck.choices, default=ZoneCheck.CONSISTENT)
    local_date = models.DateField()
    received_at = models.DateTimeField()
    device_id = models.UUIDField(null=True)
    author = models.ForeignKey(User, models.PROTECT, db_index=False, related_name="+")
    sequence = models.BigIntegerField()
    entered_late = models.BooleanField(help_text="received on a later local day than it tells of")
    clock_skew = models.CharField(max_length=8, choices=ClockSkew.choices, default=ClockSkew.NONE)
    amendment_reason = models.CharField(max_length=12, choices=AmendmentReason.choices, null=True)  # noqa: DJ001 - NULL: none given
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.ENTERED)
    source_device = models.CharField(max_length=16, choices=SourceDevice.choices, null=True)  # noqa: DJ001 - NULL: not named
    source_app = models.CharField(max_length=64, null=True)  # noqa: DJ001 - NULL: not named
    source_who = models.CharField(max_length=12, choices=SourceWho.choices, null=True)  # noqa: DJ001 - NULL: not named
    fingerprint = models.BinaryField(max_length=32)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(condition=Q(revision__gte=1), name="%(class)s_revision_from_one"),
            one_of("clock_skew", ClockSkew, name="%(class)s_clock_skew_is_known"),
            one_of("zone_check", ZoneCheck, name="%(class)s_zone_check_is_known"),
            within("utc_offset_minutes", -1439, 1439, name="%(class)s_offset_within_a_day"),
            one_of_or_null("amendment_reason", AmendmentReason, name="%(class)s_amendment_reason_is_known"),
            one_of("origin", Origin, name="%(class)s_origin_is_known"),
            one_of_or_null("source_device", SourceDevice, name="%(class)s_source_device_is_known"),
            one_of_or_null("source_who", SourceWho, name="%(class)s_source_who_is_known"),
            models.UniqueConstraint(fields=["patient", "sequence"], name="%(class)s_sequence_once"),
        ]
        indexes = [models.Index(fields=["patient", "local_date"], name="%(class)s_by_day")]

    def __str__(self) -> str:
        return f"{self._meta.model_name}/{self.id}"

    def __repr__(self) -> str:
        return f"<{self}>"


# Of composite primary keys Django knows no column.
ENVELOPE = tuple(field.attname for field in PatientRecord._meta.local_fields if field.column)

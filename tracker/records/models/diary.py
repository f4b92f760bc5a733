"""The diary's kinds: pain, daily log, medication use, journal, practice, sleep."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q

from tracker.clinics.models import PatientOwned
from tracker.keys.models import EncryptedText
from tracker.lib.constraints import (
    all_or_none,
    at_least_one,
    code_or_null,
    codes_in_list,
    numbers_by_code,
    one_of,
    one_of_or_null,
    ordered,
    sql_check,
    within,
)
from tracker.records import body_sites, value_sets
from tracker.records.models.base import PatientRecord

DAILY_ITEMS = (
    "pain_avg",
    "pain_worst",
    "mood",
    "anxiety",
    "function",
    "sleep_hours",
    "sleep_quality",
    "self_harm_thoughts",
)
SLEEP_ITEMS = ("bed_at", "up_at", "hours", "latency_minutes", "awakenings", "awake_minutes", "quality")


class PainEntry(PatientRecord):
    """
    Pain at one moment, 0 (none) to 10 (worst imaginable). One tap, the intensity, is a whole entry.

    ``regions`` maps a region and its side, the patient's own (``lower_back.left``), to its pain 0-10 or to null
    where it was marked without a number. ``qualities``, ``trigger`` and ``relief`` are codes (``records.value_sets``).
    """

    intensity = models.SmallIntegerField()
    worst = models.SmallIntegerField(null=True)
    least = models.SmallIntegerField(null=True)
    interference = models.SmallIntegerField(null=True)
    regions = models.JSONField(null=True)
    qualities = models.JSONField(null=True)
    trigger = models.CharField(max_length=24, null=True)  # noqa: DJ001 - NULL: not asked
    relief = models.CharField(max_length=24, null=True)  # noqa: DJ001 - NULL: not asked

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            within("intensity", 0, 10, name="pain_intensity_0_to_10"),
            within("worst", 0, 10, name="pain_worst_0_to_10"),
            within("least", 0, 10, name="pain_least_0_to_10"),
            within("interference", 0, 10, name="pain_interference_0_to_10"),
            ordered("least", "worst", name="pain_least_up_to_worst"),
            sql_check(
                numbers_by_code("regions", body_sites.SIDED, 0, 10, or_null=True),
                name="pain_regions_are_known",
            ),
            sql_check(codes_in_list("qualities", value_sets.QUALITIES), name="pain_qualities_are_known"),
            code_or_null("trigger", value_sets.TRIGGERS, name="pain_trigger_is_known"),
            code_or_null("relief", value_sets.RELIEFS, name="pain_relief_is_known"),
        ]


class DailyLog(PatientRecord):
    """
    A day's answers; any subset, at least one.

    Scales are 0 to 10 (pain and anxiety: 10 is worst; mood, function, sleep quality: 10 is best). Sleep is in
    hours. ``self_harm_thoughts`` is the daily safety question as asked ("have you had thoughts of harming
    yourself ..."): true means yes, and raises an alert.
    """

    pain_avg = models.SmallIntegerField(null=True)
    pain_worst = models.SmallIntegerField(null=True)
    mood = models.SmallIntegerField(null=True)
    anxiety = models.SmallIntegerField(null=True)
    function = models.SmallIntegerField(null=True)
    sleep_hours = models.DecimalField(max_digits=4, decimal_places=2, null=True)
    sleep_quality = models.SmallIntegerField(null=True)
    self_harm_thoughts = models.BooleanField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            at_least_one(*DAILY_ITEMS, name="daily_log_has_an_answer"),
            within("pain_avg", 0, 10, name="daily_pain_avg_0_to_10"),
            within("pain_worst", 0, 10, name="daily_pain_worst_0_to_10"),
            within("mood", 0, 10, name="daily_mood_0_to_10"),
            within("anxiety", 0, 10, name="daily_anxiety_0_to_10"),
            within("function", 0, 10, name="daily_function_0_to_10"),
            within("sleep_hours", 0, 24, name="daily_sleep_hours_0_to_24"),
            within("sleep_quality", 0, 10, name="daily_sleep_quality_0_to_10"),
        ]


class Outcome(models.TextChoices):
    TAKEN = "TAKEN", "taken"
    SKIPPED = "SKIPPED", "skipped"
    PRN = "PRN", "taken as needed"


class Unit(models.TextChoices):
    MG = "mg", "mg"
    MCG = "mcg", "mcg"
    ML = "ml", "ml"
    TABLET = "tablet", "tablet"
    SPRAY = "spray", "spray"
    PATCH = "patch", "patch"


class Reason(models.TextChoices):
    FORGOT = "FORGOT", "forgot"
    SIDE_EFFECTS = "SIDE_EFFECTS", "side effects"
    FELT_WELL = "FELT_WELL", "felt well"
    NO_SUPPLY = "NO_SUPPLY", "ran out"
    ADVISED = "ADVISED", "advised to"
    OTHER = "OTHER", "other"


class MedicationUse(PatientRecord):
    """
    A dose that was taken, skipped, or taken as needed.

    ``medication`` is a code (``venlafaxine``); ``dose_value`` is the dose taken, in ``dose_unit``. A skipped
    dose has no dose value: it counts as none taken, which a day without an entry does not.
    """

    medication = models.CharField(max_length=64)
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    dose_value = models.DecimalField(max_digits=10, decimal_places=3, null=True)
    dose_unit = models.CharField(max_length=8, choices=Unit.choices, null=True)  # noqa: DJ001 - NULL: no dose given
    reason = models.CharField(max_length=16, choices=Reason.choices, null=True)  # noqa: DJ001 - NULL: not asked

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            one_of("outcome", Outcome, name="medication_outcome_is_known"),
            one_of_or_null("dose_unit", Unit, name="medication_dose_unit_is_known"),
            one_of_or_null("reason", Reason, name="medication_reason_is_known"),
            all_or_none("dose_value", "dose_unit", name="medication_dose_has_a_unit"),
            within("dose_value", 0, 100_000, name="medication_dose_from_zero"),
            models.CheckConstraint(
                condition=~Q(outcome="SKIPPED") | Q(dose_value__isnull=True),
                name="medication_skipped_has_no_dose",
            ),
            models.CheckConstraint(
                condition=Q(medication__regex=r"^[a-z0-9][a-z0-9-]{0,63}$"),
                name="medication_is_a_code",
            ),
        ]


class Share(models.TextChoices):
    NONE = "NONE", "nobody"
    ENTRY = "ENTRY", "the care team, this entry only"


class JournalEntry(PatientRecord):
    """A page of the journal. Its text is sealed and lives apart; private unless the patient shares this entry."""

    mood = models.SmallIntegerField(null=True)
    share = models.CharField(max_length=8, choices=Share.choices, default=Share.NONE)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            within("mood", 0, 10, name="journal_mood_0_to_10"),
            one_of("share", Share, name="journal_share_is_known"),
        ]


class JournalText(EncryptedText):
    """The sealed text of one revision of a journal entry (``lib.encryption``), under the patient's own key."""

    pk = models.CompositePrimaryKey("patient_id", "entry_id", "revision")
    entry_id = models.UUIDField()
    revision = models.PositiveIntegerField()

    KEY_FIELDS = ("entry_id", "revision")


class AccessRevocation(PatientOwned):
    """
    A page of the journal that was shared and no longer is, at this ``sequence``. A trigger writes it.

    Who could read the page may read this: their copy has to go.
    """

    db_rights = "append_only"
    id = models.BigAutoField(primary_key=True)
    record_id = models.UUIDField()
    sequence = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["patient", "sequence"], name="access_revocation_in_order")]

    def __str__(self) -> str:
        return f"access-revocation/{self.pk}"


class PracticeEntry(PatientRecord):
    """Something done for oneself between sessions: for how many minutes, and how helpful it was (0-10, 10 is most)."""

    practice = models.CharField(max_length=40)
    minutes = models.SmallIntegerField(null=True)
    helpful = models.SmallIntegerField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            code_or_null("practice", value_sets.PRACTICES, name="practice_is_known"),
            within("minutes", 0, 600, name="practice_0_to_600_minutes"),
            within("helpful", 0, 10, name="practice_helpful_0_to_10"),
        ]


class SleepEntry(PatientRecord):
    """
    One night, told the next morning: the core of the consensus sleep diary, any part of it.

    ``bed_at`` (lights out) and ``up_at`` are instants; ``latency_minutes`` until asleep, ``awakenings`` counted,
    ``awake_minutes`` between falling asleep and the last awakening; ``hours`` slept as the patient judges; quality 0
    (very poor) to 10 (very good).

    Source: Carney et al. 2012, Sleep 35(2):287-302.
    """

    bed_at = models.DateTimeField(null=True)
    up_at = models.DateTimeField(null=True)
    hours = models.DecimalField(max_digits=4, decimal_places=2, null=True)
    latency_minutes = models.SmallIntegerField(null=True)
    awakenings = models.SmallIntegerField(null=True)
    awake_minutes = models.SmallIntegerField(null=True)
    quality = models.SmallIntegerField(null=True)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            at_least_one(*SLEEP_ITEMS, name="sleep_has_an_answer"),
            models.CheckConstraint(
                condition=Q(bed_at__isnull=True)
                | Q(up_at__isnull=True)
                | Q(up_at__gt=F("bed_at"), up_at__lte=F("bed_at") + timedelta(hours=24)),
                name="sleep_up_within_a_day_of_bed",
            ),
            within("hours", 0, 24, name="sleep_hours_0_to_24"),
            within("latency_minutes", 0, 1440, name="sleep_latency_0_to_1440_minutes"),
            within("awakenings", 0, 100, name="sleep_awakenings_0_to_100"),
            within("awake_minutes", 0, 1440, name="sleep_awake_0_to_1440_minutes"),
            within("quality", 0, 10, name="sleep_quality_0_to_10"),
        ]

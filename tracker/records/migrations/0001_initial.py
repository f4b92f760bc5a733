import datetime
import django.db.models.deletion
import django.db.models.expressions
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Epoch",
            fields=[
                ("number", models.AutoField(primary_key=True, serialize=False)),
                ("began_at", models.DateTimeField()),
                ("why", models.CharField(max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name="ChangeCounter",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "clinic_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("head", models.BigIntegerField(default=0)),
                ("stored_bytes", models.BigIntegerField(default=0)),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="MeasureState",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "measure", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("measure", models.CharField(max_length=80)),
                ("category", models.CharField(max_length=12)),
                ("baseline", models.FloatField(null=True)),
                ("baseline_n", models.IntegerField(default=0)),
                (
                    "baseline_to",
                    models.DateField(help_text="the last day that the baseline is made of", null=True),
                ),
                (
                    "baseline_basis",
                    models.CharField(
                        choices=[
                            ("BEFORE_TREATMENT", "before the first session"),
                            ("FIRST_DAYS", "first 14 days of the record"),
                        ],
                        max_length=20,
                    ),
                ),
                ("last", models.FloatField()),
                ("last_at", models.DateTimeField()),
                ("last_on", models.DateField()),
                ("week_mean", models.FloatField()),
                ("week_n", models.IntegerField()),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("baseline_basis__in", ["BEFORE_TREATMENT", "FIRST_DAYS"])),
                        name="measure_state_basis_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                        ),
                        name="measure_state_category_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DailyLog",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("pain_avg", models.SmallIntegerField(null=True)),
                ("pain_worst", models.SmallIntegerField(null=True)),
                ("mood", models.SmallIntegerField(null=True)),
                ("anxiety", models.SmallIntegerField(null=True)),
                ("function", models.SmallIntegerField(null=True)),
                ("sleep_hours", models.DecimalField(decimal_places=2, max_digits=4, null=True)),
                ("sleep_quality", models.SmallIntegerField(null=True)),
                ("self_harm_thoughts", models.BooleanField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="dailylog_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="dailylog_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="dailylog_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="dailylog_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="dailylog_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("pain_avg__isnull", False),
                            ("pain_worst__isnull", False),
                            ("mood__isnull", False),
                            ("anxiety__isnull", False),
                            ("function__isnull", False),
                            ("sleep_hours__isnull", False),
                            ("sleep_quality__isnull", False),
                            ("self_harm_thoughts__isnull", False),
                            _connector="OR",
                        ),
                        name="daily_log_has_an_answer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("pain_avg__gte", 0), ("pain_avg__lte", 10)),
                            ("pain_avg__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_pain_avg_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("pain_worst__gte", 0), ("pain_worst__lte", 10)),
                            ("pain_worst__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_pain_worst_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("mood__gte", 0), ("mood__lte", 10)),
                            ("mood__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_mood_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("anxiety__gte", 0), ("anxiety__lte", 10)),
                            ("anxiety__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_anxiety_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("function__gte", 0), ("function__lte", 10)),
                            ("function__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_function_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sleep_hours__gte", 0), ("sleep_hours__lte", 24)),
                            ("sleep_hours__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_sleep_hours_0_to_24",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("sleep_quality__gte", 0), ("sleep_quality__lte", 10)),
                            ("sleep_quality__isnull", True),
                            _connector="OR",
                        ),
                        name="daily_sleep_quality_0_to_10",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="FormerVersion",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=32)),
                ("category", models.CharField(max_length=12)),
                ("record_id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("fingerprint", models.BinaryField(max_length=32, null=True)),
                ("row", models.JSONField()),
                ("replaced_at", models.DateTimeField()),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["patient", "record_id", "revision"], name="former_version_by_record")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                        ),
                        name="former_version_category_is_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="JournalEntry",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("mood", models.SmallIntegerField(null=True)),
                (
                    "share",
                    models.CharField(
                        choices=[("NONE", "nobody"), ("ENTRY", "the care team, this entry only")],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="journalentry_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="journalentry_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="journalentry_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="journalentry_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("patient", "sequence"), name="journalentry_sequence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("mood__gte", 0), ("mood__lte", 10)),
                            ("mood__isnull", True),
                            _connector="OR",
                        ),
                        name="journal_mood_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("share__in", ["NONE", "ENTRY"])), name="journal_share_is_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="JournalText",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("ciphertext", models.BinaryField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "entry_id",
                        "revision",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("entry_id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                (
                    "key",
                    models.ForeignKey(
                        db_column="key_id",
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="keys.datakey",
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["clinic_id", "key"], name="journaltext_by_key")],
            },
        ),
        migrations.CreateModel(
            name="MedicationUse",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("medication", models.CharField(max_length=64)),
                (
                    "outcome",
                    models.CharField(
                        choices=[("TAKEN", "taken"), ("SKIPPED", "skipped"), ("PRN", "taken as needed")],
                        max_length=8,
                    ),
                ),
                ("dose_value", models.DecimalField(decimal_places=3, max_digits=10, null=True)),
                (
                    "dose_unit",
                    models.CharField(
                        choices=[
                            ("mg", "mg"),
                            ("mcg", "mcg"),
                            ("ml", "ml"),
                            ("tablet", "tablet"),
                            ("spray", "spray"),
                            ("patch", "patch"),
                        ],
                        max_length=8,
                        null=True,
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("FORGOT", "forgot"),
                            ("SIDE_EFFECTS", "side effects"),
                            ("FELT_WELL", "felt well"),
                            ("NO_SUPPLY", "ran out"),
                            ("ADVISED", "advised to"),
                            ("OTHER", "other"),
                        ],
                        max_length=16,
                        null=True,
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="medicationuse_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="medicationuse_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="medicationuse_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="medicationuse_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("patient", "sequence"), name="medicationuse_sequence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("outcome__in", ["TAKEN", "SKIPPED", "PRN"])),
                        name="medication_outcome_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("dose_unit__isnull", True),
                            ("dose_unit__in", ["mg", "mcg", "ml", "tablet", "spray", "patch"]),
                            _connector="OR",
                        ),
                        name="medication_dose_unit_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("reason__isnull", True),
                            (
                                "reason__in",
                                ["FORGOT", "SIDE_EFFECTS", "FELT_WELL", "NO_SUPPLY", "ADVISED", "OTHER"],
                            ),
                            _connector="OR",
                        ),
                        name="medication_reason_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("dose_value__isnull", True), ("dose_unit__isnull", True)),
                            models.Q(("dose_value__isnull", False), ("dose_unit__isnull", False)),
                            _connector="OR",
                        ),
                        name="medication_dose_has_a_unit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("dose_value__gte", 0), ("dose_value__lte", 100000)),
                            ("dose_value__isnull", True),
                            _connector="OR",
                        ),
                        name="medication_dose_from_zero",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("outcome", "SKIPPED"), _negated=True),
                            ("dose_value__isnull", True),
                            _connector="OR",
                        ),
                        name="medication_skipped_has_no_dose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("medication__regex", "^[a-z0-9][a-z0-9-]{0,63}$")),
                        name="medication_is_a_code",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MergedEdit",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("record_id", models.UUIDField()),
                ("sent_revision", models.PositiveIntegerField()),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("merged_revision", models.PositiveIntegerField()),
                ("overwritten", models.JSONField()),
                ("merged_at", models.DateTimeField()),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("patient", "record_id", "fingerprint", "sent_revision"),
                        name="merged_edit_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Observation",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "source_id",
                        "measure",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("source_id", models.UUIDField()),
                ("source_kind", models.CharField(max_length=32)),
                ("measure", models.CharField(max_length=80)),
                ("category", models.CharField(max_length=12)),
                ("local_date", models.DateField()),
                ("at", models.DateTimeField()),
                ("value", models.FloatField()),
                ("band", models.CharField(blank=True, max_length=80)),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["patient", "measure", "local_date", "at"],
                        include=("value",),
                        name="observation_by_day",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                        ),
                        name="observation_category_is_known",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="PainEntry",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("intensity", models.SmallIntegerField()),
                ("worst", models.SmallIntegerField(null=True)),
                ("least", models.SmallIntegerField(null=True)),
                ("interference", models.SmallIntegerField(null=True)),
                ("regions", models.JSONField(null=True)),
                ("qualities", models.JSONField(null=True)),
                ("trigger", models.CharField(max_length=24, null=True)),
                ("relief", models.CharField(max_length=24, null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="painentry_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="painentry_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="painentry_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="painentry_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="painentry_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("intensity__gte", 0), ("intensity__lte", 10)),
                            ("intensity__isnull", True),
                            _connector="OR",
                        ),
                        name="pain_intensity_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("worst__gte", 0), ("worst__lte", 10)),
                            ("worst__isnull", True),
                            _connector="OR",
                        ),
                        name="pain_worst_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("least__gte", 0), ("least__lte", 10)),
                            ("least__isnull", True),
                            _connector="OR",
                        ),
                        name="pain_least_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("interference__gte", 0), ("interference__lte", 10)),
                            ("interference__isnull", True),
                            _connector="OR",
                        ),
                        name="pain_interference_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("least__lte", models.F("worst")),
                            ("least__isnull", True),
                            ("worst__isnull", True),
                            _connector="OR",
                        ),
                        name="pain_least_up_to_worst",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            "regions IS NULL OR (jsonb_typeof(regions) = 'object' AND regions <> '{}'::jsonb AND regions - ARRAY['head.left', 'head.right', 'face.left', 'face.right', 'jaw.left', 'jaw.right', 'chest.left', 'chest.right', 'upper_back.left', 'upper_back.right', 'lower_back.left', 'lower_back.right', 'buttock.left', 'buttock.right', 'shoulder.left', 'shoulder.right', 'upper_arm.left', 'upper_arm.right', 'elbow.left', 'elbow.right', 'forearm.left', 'forearm.right', 'wrist.left', 'wrist.right', 'hand.left', 'hand.right', 'hip.left', 'hip.right', 'thigh.left', 'thigh.right', 'knee.left', 'knee.right', 'lower_leg.left', 'lower_leg.right', 'ankle.left', 'ankle.right', 'foot.left', 'foot.right', 'neck.mid', 'abdomen.mid', 'pelvis_groin.mid', 'genital_perineal.mid', 'all_over.mid'] = '{}'::jsonb AND NOT jsonb_path_exists(regions, '$.* ? (@ != null && (@.type() != \"number\" || @ < 0 || @ > 10 || @.floor() != @))'))",
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="pain_regions_are_known",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            'qualities IS NULL OR (jsonb_typeof(qualities) = \'array\' AND qualities <> \'[]\'::jsonb AND qualities <@ \'["aching", "burning", "cold", "cramping", "electric", "heavy", "itching", "numb", "pressing", "sharp", "shooting", "stabbing", "tender", "throbbing", "tingling", "other"]\'::jsonb)',
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="pain_qualities_are_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("trigger__isnull", True),
                            (
                                "trigger__in",
                                [
                                    "eating",
                                    "lifting",
                                    "lying",
                                    "movement",
                                    "nothing_known",
                                    "sitting",
                                    "standing",
                                    "stress",
                                    "poor_sleep",
                                    "touch",
                                    "weather",
                                    "menstruation",
                                    "other",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="pain_trigger_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("relief__isnull", True),
                            (
                                "relief__in",
                                [
                                    "breathing",
                                    "cold",
                                    "company",
                                    "distraction",
                                    "heat",
                                    "massage",
                                    "medication",
                                    "movement",
                                    "nothing",
                                    "rest",
                                    "other",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="pain_relief_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Plan",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("practice", models.CharField(max_length=40)),
                ("per_week", models.SmallIntegerField(null=True)),
                ("minutes", models.SmallIntegerField(null=True)),
                ("remind_at", models.TimeField(null=True)),
                ("paused", models.BooleanField(default=False)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="plan_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="plan_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="plan_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="plan_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="plan_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("practice__isnull", True),
                            (
                                "practice__in",
                                [
                                    "mindfulness_meditation",
                                    "breathing_exercise",
                                    "gentle_movement_or_yoga",
                                    "physical_therapy_exercises",
                                    "walking_or_aerobic",
                                    "strength",
                                    "stretching",
                                    "journaling",
                                    "therapy_or_integration_session",
                                    "support_group",
                                    "time_in_nature",
                                    "creative_activity",
                                    "sleep_routine",
                                    "pacing_plan",
                                    "social_contact",
                                    "other",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="plan_practice_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("per_week__gte", 1), ("per_week__lte", 70)),
                            ("per_week__isnull", True),
                            _connector="OR",
                        ),
                        name="plan_1_to_70_times_a_week",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("minutes__gte", 1), ("minutes__lte", 600)),
                            ("minutes__isnull", True),
                            _connector="OR",
                        ),
                        name="plan_1_to_600_minutes",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PracticeEntry",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("practice", models.CharField(max_length=40)),
                ("minutes", models.SmallIntegerField(null=True)),
                ("helpful", models.SmallIntegerField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="practiceentry_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="practiceentry_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="practiceentry_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="practiceentry_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("patient", "sequence"), name="practiceentry_sequence_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("practice__isnull", True),
                            (
                                "practice__in",
                                [
                                    "mindfulness_meditation",
                                    "breathing_exercise",
                                    "gentle_movement_or_yoga",
                                    "physical_therapy_exercises",
                                    "walking_or_aerobic",
                                    "strength",
                                    "stretching",
                                    "journaling",
                                    "therapy_or_integration_session",
                                    "support_group",
                                    "time_in_nature",
                                    "creative_activity",
                                    "sleep_routine",
                                    "pacing_plan",
                                    "social_contact",
                                    "other",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="practice_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("minutes__gte", 0), ("minutes__lte", 600)),
                            ("minutes__isnull", True),
                            _connector="OR",
                        ),
                        name="practice_0_to_600_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("helpful__gte", 0), ("helpful__lte", 10)),
                            ("helpful__isnull", True),
                            _connector="OR",
                        ),
                        name="practice_helpful_0_to_10",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Response",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("instrument", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "being filled in"),
                            ("INCOMPLETE", "answers are missing or cannot be used"),
                            ("COMPLETE", "complete"),
                            ("AMENDED", "complete, and changed since it first was"),
                        ],
                        max_length=16,
                    ),
                ),
                ("answers", models.JSONField()),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("reported_total", models.FloatField(null=True)),
                (
                    "category",
                    models.CharField(help_text="that of the instrument (records.categories)", max_length=12),
                ),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="response_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="response_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="response_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="response_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="response_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["DRAFT", "INCOMPLETE", "COMPLETE", "AMENDED"])),
                        name="response_status_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                        ),
                        name="response_category_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Score",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("response_id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("measure", models.CharField(max_length=80)),
                ("category", models.CharField(max_length=12)),
                ("instrument", models.CharField(max_length=64)),
                ("version", models.CharField(max_length=64)),
                ("scoring_version", models.CharField(max_length=32)),
                ("value", models.FloatField()),
                ("t", models.FloatField(null=True)),
                ("se", models.FloatField(null=True)),
                ("answered", models.SmallIntegerField()),
                ("items", models.SmallIntegerField()),
                ("prorated", models.BooleanField()),
                ("band", models.CharField(blank=True, max_length=80)),
                ("made_at", models.DateTimeField()),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("patient", "response_id", "revision", "measure", "scoring_version"),
                        name="score_once_per_version",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                        ),
                        name="score_category_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("answered__lte", models.F("items"))),
                        name="score_answered_up_to_items",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SideEffects",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("items", models.JSONField()),
                ("duration_minutes", models.JSONField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="sideeffects_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="sideeffects_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="sideeffects_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="sideeffects_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="sideeffects_sequence_once"),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            "items IS NULL OR (jsonb_typeof(items) = 'object' AND items <> '{}'::jsonb AND items - ARRAY['dissociation', 'dizziness', 'nausea', 'sedation_or_sleepiness', 'spinning_vertigo', 'numbness', 'anxiety', 'lethargy', 'raised_blood_pressure', 'vomiting', 'feeling_drunk', 'headache', 'blurred_vision', 'unpleasant_or_frightening_experience', 'hallucination', 'palpitations', 'chest_pain', 'shortness_of_breath', 'confusion', 'urinary_urgency_or_pain', 'blood_in_urine', 'abdominal_pain', 'craving_or_wish_to_use_more', 'low_mood_rebound', 'suicidal_thoughts'] = '{}'::jsonb AND NOT jsonb_path_exists(items, '$.* ? ((@.type() != \"number\" || @ < 0 || @ > 3 || @.floor() != @))'))",
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="side_effects_are_known",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            "duration_minutes IS NULL OR (jsonb_typeof(duration_minutes) = 'object' AND duration_minutes <> '{}'::jsonb AND duration_minutes - ARRAY['dissociation', 'dizziness', 'nausea', 'sedation_or_sleepiness', 'spinning_vertigo', 'numbness', 'anxiety', 'lethargy', 'raised_blood_pressure', 'vomiting', 'feeling_drunk', 'headache', 'blurred_vision', 'unpleasant_or_frightening_experience', 'hallucination', 'palpitations', 'chest_pain', 'shortness_of_breath', 'confusion', 'urinary_urgency_or_pain', 'blood_in_urine', 'abdominal_pain', 'craving_or_wish_to_use_more', 'low_mood_rebound', 'suicidal_thoughts'] = '{}'::jsonb AND NOT jsonb_path_exists(duration_minutes, '$.* ? ((@.type() != \"number\" || @ < 0 || @ > 43200 || @.floor() != @))'))",
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="side_effects_last_up_to_30_days",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SleepEntry",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("bed_at", models.DateTimeField(null=True)),
                ("up_at", models.DateTimeField(null=True)),
                ("hours", models.DecimalField(decimal_places=2, max_digits=4, null=True)),
                ("latency_minutes", models.SmallIntegerField(null=True)),
                ("awakenings", models.SmallIntegerField(null=True)),
                ("awake_minutes", models.SmallIntegerField(null=True)),
                ("quality", models.SmallIntegerField(null=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="sleepentry_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="sleepentry_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="sleepentry_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="sleepentry_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="sleepentry_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bed_at__isnull", False),
                            ("up_at__isnull", False),
                            ("hours__isnull", False),
                            ("latency_minutes__isnull", False),
                            ("awakenings__isnull", False),
                            ("awake_minutes__isnull", False),
                            ("quality__isnull", False),
                            _connector="OR",
                        ),
                        name="sleep_has_an_answer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("bed_at__isnull", True),
                            ("up_at__isnull", True),
                            models.Q(
                                ("up_at__gt", models.F("bed_at")),
                                (
                                    "up_at__lte",
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("bed_at"), "+", models.Value(datetime.timedelta(days=1))
                                    ),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="sleep_up_within_a_day_of_bed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("hours__gte", 0), ("hours__lte", 24)),
                            ("hours__isnull", True),
                            _connector="OR",
                        ),
                        name="sleep_hours_0_to_24",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("latency_minutes__gte", 0), ("latency_minutes__lte", 1440)),
                            ("latency_minutes__isnull", True),
                            _connector="OR",
                        ),
                        name="sleep_latency_0_to_1440_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("awakenings__gte", 0), ("awakenings__lte", 100)),
                            ("awakenings__isnull", True),
                            _connector="OR",
                        ),
                        name="sleep_awakenings_0_to_100",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("awake_minutes__gte", 0), ("awake_minutes__lte", 1440)),
                            ("awake_minutes__isnull", True),
                            _connector="OR",
                        ),
                        name="sleep_awake_0_to_1440_minutes",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("quality__gte", 0), ("quality__lte", 10)),
                            ("quality__isnull", True),
                            _connector="OR",
                        ),
                        name="sleep_quality_0_to_10",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TreatmentSession",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                (
                    "route",
                    models.CharField(
                        choices=[
                            ("IV_INFUSION", "IV infusion"),
                            ("IM", "intramuscular"),
                            ("SC", "subcutaneous"),
                            ("ORAL", "oral"),
                            ("SUBLINGUAL", "sublingual"),
                            ("NASAL_RACEMIC", "nasal spray, compounded"),
                            ("NASAL_ESKETAMINE", "nasal spray, esketamine"),
                            ("RECTAL", "rectal"),
                        ],
                        max_length=20,
                    ),
                ),
                ("dose_mg", models.DecimalField(decimal_places=2, max_digits=7)),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
                (
                    "recorded_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["patient", "local_date"], name="session_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "route__in",
                                [
                                    "IV_INFUSION",
                                    "IM",
                                    "SC",
                                    "ORAL",
                                    "SUBLINGUAL",
                                    "NASAL_RACEMIC",
                                    "NASAL_ESKETAMINE",
                                    "RECTAL",
                                ],
                            )
                        ),
                        name="session_route_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("dose_mg__gte", 0), ("dose_mg__lte", 2000)),
                            ("dose_mg__isnull", True),
                            _connector="OR",
                        ),
                        name="session_dose_up_to_2000_mg",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AccessRevocation",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("record_id", models.UUIDField()),
                ("sequence", models.BigIntegerField()),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["patient", "sequence"], name="access_revocation_in_order")],
            },
        ),
        migrations.CreateModel(
            name="Vitals",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("revision", models.PositiveIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("time_zone", models.CharField(max_length=64)),
                ("local_date", models.DateField()),
                ("received_at", models.DateTimeField()),
                ("device_id", models.UUIDField(null=True)),
                ("sequence", models.BigIntegerField()),
                (
                    "entered_late",
                    models.BooleanField(help_text="received on a later local day than it tells of"),
                ),
                (
                    "clock_skew",
                    models.CharField(
                        choices=[
                            ("NONE", "plausible"),
                            ("AHEAD", "more than 10 minutes ahead of receipt"),
                            ("BEHIND", "more than 30 days behind receipt"),
                        ],
                        default="NONE",
                        max_length=8,
                    ),
                ),
                (
                    "amendment_reason",
                    models.CharField(
                        choices=[
                            ("TYPO", "a slip of the finger"),
                            ("REMEMBERED", "remembered better"),
                            ("ADDED", "added to it"),
                            ("WRONG_DAY", "belongs to another day"),
                            ("TWICE", "entered twice"),
                            ("NOT_MINE", "was not about me"),
                            ("ASKED", "after a talk with the care team"),
                            ("OTHER", "other"),
                        ],
                        max_length=12,
                        null=True,
                    ),
                ),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("removed_at", models.DateTimeField(null=True)),
                ("systolic", models.SmallIntegerField(null=True)),
                ("diastolic", models.SmallIntegerField(null=True)),
                ("heart_rate", models.SmallIntegerField(null=True)),
                ("respiratory_rate", models.SmallIntegerField(null=True)),
                ("spo2", models.SmallIntegerField(null=True)),
                ("temperature_c", models.DecimalField(decimal_places=1, max_digits=3, null=True)),
                ("weight_kg", models.DecimalField(decimal_places=2, max_digits=5, null=True)),
                ("self_measured", models.BooleanField(default=True)),
                (
                    "author",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "indexes": [models.Index(fields=["patient", "local_date"], name="vitals_by_day")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("revision__gte", 1)), name="vitals_revision_from_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("clock_skew__in", ["NONE", "AHEAD", "BEHIND"])),
                        name="vitals_clock_skew_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("amendment_reason__isnull", True),
                            (
                                "amendment_reason__in",
                                [
                                    "TYPO",
                                    "REMEMBERED",
                                    "ADDED",
                                    "WRONG_DAY",
                                    "TWICE",
                                    "NOT_MINE",
                                    "ASKED",
                                    "OTHER",
                                ],
                            ),
                            _connector="OR",
                        ),
                        name="vitals_amendment_reason_is_known",
                    ),
                    models.UniqueConstraint(fields=("patient", "sequence"), name="vitals_sequence_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("systolic__isnull", False),
                            ("diastolic__isnull", False),
                            ("heart_rate__isnull", False),
                            ("respiratory_rate__isnull", False),
                            ("spo2__isnull", False),
                            ("temperature_c__isnull", False),
                            ("weight_kg__isnull", False),
                            _connector="OR",
                        ),
                        name="vitals_have_a_value",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("systolic__gte", 40), ("systolic__lte", 300)),
                            ("systolic__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_systolic_40_to_300",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("diastolic__gte", 20), ("diastolic__lte", 200)),
                            ("diastolic__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_diastolic_20_to_200",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("systolic__isnull", True), ("diastolic__isnull", True)),
                            models.Q(("systolic__isnull", False), ("diastolic__isnull", False)),
                            _connector="OR",
                        ),
                        name="vitals_pressure_has_both_values",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("systolic__isnull", True),
                            ("systolic__gt", models.F("diastolic")),
                            _connector="OR",
                        ),
                        name="vitals_systolic_above_diastolic",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("heart_rate__gte", 20), ("heart_rate__lte", 300)),
                            ("heart_rate__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_heart_rate_20_to_300",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("respiratory_rate__gte", 3), ("respiratory_rate__lte", 80)),
                            ("respiratory_rate__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_respiratory_rate_3_to_80",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("spo2__gte", 50), ("spo2__lte", 100)),
                            ("spo2__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_spo2_50_to_100",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("temperature_c__gte", 30), ("temperature_c__lte", 45)),
                            ("temperature_c__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_temperature_30_to_45",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("weight_kg__gte", 20), ("weight_kg__lte", 400)),
                            ("weight_kg__isnull", True),
                            _connector="OR",
                        ),
                        name="vitals_weight_20_to_400",
                    ),
                ],
            },
        ),
    ]

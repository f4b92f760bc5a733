import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import tracker.access.policy
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("clinics", "0001_initial"),
        ("keys", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                ("version", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("content", models.JSONField()),
                ("published_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="BreakGlassAccess",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("begun_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
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
                    "staff_member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.staffmember",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreakGlassReason",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("ciphertext", models.BinaryField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "access_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "access",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="access.breakglassaccess",
                    ),
                ),
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
            },
        ),
        migrations.CreateModel(
            name="Caregiver",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "categories",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=12), size=None
                    ),
                ),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
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
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "team_id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("pain", models.BooleanField(default=False)),
                ("mood", models.BooleanField(default=False)),
                ("medication", models.BooleanField(default=False)),
                ("journal", models.BooleanField(default=False)),
                ("visits", models.BooleanField(default=False)),
                ("treatment", models.BooleanField(default=False)),
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
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clinics.careteam"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ConsentChange",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("category", models.CharField(max_length=12)),
                ("given", models.BooleanField()),
                ("at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
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
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clinics.careteam"
                    ),
                ),
                (
                    "text",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="access.consenttext"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Device",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id", "id", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("id", models.UUIDField()),
                ("paired_at", models.DateTimeField()),
                ("retired_at", models.DateTimeField(null=True)),
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
            name="DeviceLabel",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("ciphertext", models.BinaryField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "device_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("device_id", models.UUIDField()),
                ("number", models.PositiveIntegerField()),
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
            },
        ),
        migrations.AddIndex(
            model_name="breakglassaccess",
            index=models.Index(fields=["user", "-ends_at"], name="broken_glass_by_user"),
        ),
        migrations.AddIndex(
            model_name="breakglassaccess",
            index=models.Index(fields=["patient", "-begun_at"], name="broken_glass_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="breakglassaccess",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("ends_at__gte", models.F("begun_at")),
                    (
                        "ends_at__lte",
                        django.db.models.expressions.CombinedExpression(
                            models.F("begun_at"), "+", models.Value(datetime.timedelta(seconds=3600))
                        ),
                    ),
                ),
                name="broken_glass_holds_60_minutes_at_most",
            ),
        ),
        migrations.AddConstraint(
            model_name="breakglassaccess",
            constraint=models.UniqueConstraint(fields=("clinic_id", "id"), name="broken_glass_of_clinic"),
        ),
        migrations.AddIndex(
            model_name="breakglassreason",
            index=models.Index(fields=["clinic_id", "key"], name="breakglassreason_by_key"),
        ),
        migrations.AddIndex(
            model_name="caregiver",
            index=models.Index(fields=["patient", "starts_at"], name="caregiver_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="caregiver",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__lte", models.F("ends_at")),
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    _connector="OR",
                ),
                name="caregiver_starts_before_the_end",
            ),
        ),
        migrations.AddConstraint(
            model_name="caregiver",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "categories__contained_by",
                        [
                            tracker.access.policy.Category["PAIN"],
                            tracker.access.policy.Category["MOOD"],
                            tracker.access.policy.Category["MEDICATION"],
                            tracker.access.policy.Category["JOURNAL"],
                            tracker.access.policy.Category["VISITS"],
                            tracker.access.policy.Category["TREATMENT"],
                        ],
                    ),
                    models.Q(("categories", []), _negated=True),
                ),
                name="caregiver_categories_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="caregiver",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at__isnull", True)),
                fields=("patient", "user"),
                name="caregiver_once_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="consentchange",
            index=models.Index(fields=["patient", "-id"], name="consent_change_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="consentchange",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("category__in", ["PAIN", "MOOD", "MEDICATION", "JOURNAL", "VISITS", "TREATMENT"])
                ),
                name="consent_category_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="devicelabel",
            index=models.Index(fields=["clinic_id", "key"], name="devicelabel_by_key"),
        ),
    ]

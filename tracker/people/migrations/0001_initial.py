import datetime
import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.expressions
import tracker.accounts.fields
import tracker.access.policy
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

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
            name="MasterKey",
            fields=[
                ("id", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("is_open", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("id", "is_open"), name="master_key_open_or_closed")
                ],
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("email", tracker.accounts.fields.EncryptedEmailField(max_length=254, unique=True)),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            "email ~ '^[^:@]{1,32}:[A-Za-z0-9+/]{24,}=*$'",
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="user_email_is_encrypted",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CareTeam",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("clinic_id", "id"), name="team_of_clinic")],
            },
        ),
        migrations.CreateModel(
            name="Patient",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
                ("born_on", models.DateField(null=True)),
                ("zone", models.CharField(max_length=64)),
                ("enrolled_on", models.DateField()),
                ("left_on", models.DateField(null=True)),
                (
                    "alert_opened_to_clinic_at",
                    models.DateTimeField(
                        help_text="since when everybody clinical is asked about an alert that nobody has taken on",
                        null=True,
                    ),
                ),
                (
                    "care_team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="patients",
                        to="clinics.careteam",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="patient",
                        to=settings.AUTH_USER_MODEL,
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
            name="DataKey",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("master_key_id", models.CharField(max_length=32)),
                ("master_is_open", models.BooleanField(default=True)),
                ("made_under", models.CharField(max_length=32)),
                ("wrapped", models.BinaryField()),
                ("made_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(null=True)),
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
                "indexes": [models.Index(fields=["clinic_id", "key"], name="devicelabel_by_key")],
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
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="clinics.careteam"
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
                    "user",
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
            ],
        ),
        migrations.CreateModel(
            name="Session",
            fields=[
                (
                    "session_key",
                    models.CharField(
                        max_length=40, primary_key=True, serialize=False, verbose_name="session key"
                    ),
                ),
                ("session_data", models.TextField(verbose_name="session data")),
                ("expire_date", models.DateTimeField(db_index=True, verbose_name="expire date")),
                ("reference", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("device_id", models.UUIDField(null=True)),
                ("began_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StaffMember",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("CLINICIAN", "clinician"),
                            ("COORDINATOR", "care coordinator"),
                            ("ADMINISTRATOR", "clinic administrator"),
                            ("PRIVACY_OFFICER", "privacy officer"),
                            ("OPERATOR", "operator"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="staff_member",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                    "user",
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
                    "staff_member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.staffmember",
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
                        "glass_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "glass",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="people.breakglass"
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
        migrations.AddField(
            model_name="patient",
            name="primary_clinician",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="clinics.staffmember",
            ),
        ),
        migrations.CreateModel(
            name="DutyPeriod",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                (
                    "team",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.careteam",
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
            ],
        ),
        migrations.CreateModel(
            name="Clinic",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
                ("zone", models.CharField(help_text="IANA name", max_length=64)),
                ("patients_see_summaries", models.BooleanField(default=False)),
                (
                    "crisis_text",
                    models.TextField(help_text="shown to a patient with every answer that worries us"),
                ),
                (
                    "activated_at",
                    models.DateTimeField(
                        help_text="from then on it always has a fallback contact", null=True
                    ),
                ),
                (
                    "fallback_contact",
                    models.ForeignKey(
                        help_text="who is told of an alert when nobody else is on duty",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.staffmember",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TeamMembership",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField(null=True)),
                (
                    "staff_member",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="clinics.staffmember",
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="memberships",
                        to="clinics.careteam",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("code", models.BinaryField(max_length=32)),
                ("role", models.CharField(blank=True, max_length=16)),
                ("name", models.CharField(blank=True, max_length=120)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("failed_attempts", models.SmallIntegerField(default=0)),
                ("used_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "care_team",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.careteam",
                    ),
                ),
                (
                    "invited_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "used_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_constraint=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.patient",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("code",), name="invitation_code_is_given_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("name", ""), ("patient__isnull", False), ("role", "")),
                            models.Q(
                                ("name__gt", ""),
                                ("patient__isnull", True),
                                (
                                    "role__in",
                                    [
                                        "CLINICIAN",
                                        "COORDINATOR",
                                        "ADMINISTRATOR",
                                        "PRIVACY_OFFICER",
                                        "OPERATOR",
                                    ],
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="invitation_is_for_a_patient_or_for_staff",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("used_at__isnull", True), ("used_by__isnull", True)),
                            models.Q(("used_at__isnull", False), ("used_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="invitation_used_at_and_by",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("failed_attempts__gte", 0), ("failed_attempts__lte", 5)),
                            ("failed_attempts__isnull", True),
                            _connector="OR",
                        ),
                        name="invitation_failed_attempts_0_to_5",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("made_at__lte", models.F("expires_at")),
                            ("made_at__isnull", True),
                            ("expires_at__isnull", True),
                            _connector="OR",
                        ),
                        name="invitation_made_before_it_expires",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaced_at__isnull", True)),
                fields=("patient",),
                name="data_key_once_per_patient",
            ),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.UniqueConstraint(
                fields=("clinic_id", "patient", "id"), name="data_key_of_clinic"
            ),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.CheckConstraint(
                condition=models.Q(("master_is_open", True)), name="data_key_under_an_open_master_key"
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
        migrations.AddConstraint(
            model_name="session",
            constraint=models.CheckConstraint(
                condition=models.Q(("device_id__isnull", True), ("user__isnull", False), _connector="OR"),
                name="session_of_a_device_is_somebodys",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffmember",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("role__in", ["CLINICIAN", "COORDINATOR", "ADMINISTRATOR", "PRIVACY_OFFICER", "OPERATOR"])
                ),
                name="staff_role_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="staffmember",
            constraint=models.UniqueConstraint(fields=("clinic_id", "id"), name="staff_of_clinic"),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(fields=["care_team"], name="patient_by_team"),
        ),
        migrations.AddIndex(
            model_name="patient",
            index=models.Index(
                condition=models.Q(("alert_opened_to_clinic_at__isnull", False)),
                fields=["clinic_id"],
                name="patient_asked_of_all",
            ),
        ),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.UniqueConstraint(fields=("clinic_id", "id"), name="patient_of_clinic"),
        ),
        migrations.AddConstraint(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("enrolled_on__lte", models.F("left_on")),
                    ("enrolled_on__isnull", True),
                    ("left_on__isnull", True),
                    _connector="OR",
                ),
                name="patient_enrols_before_leaving",
            ),
        ),
        migrations.AddIndex(
            model_name="dutyperiod",
            index=models.Index(fields=["clinic_id", "ends_at"], name="duty_by_end"),
        ),
        migrations.AddConstraint(
            model_name="dutyperiod",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__lte", models.F("ends_at")),
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    _connector="OR",
                ),
                name="duty_starts_before_it_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="clinic",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("activated_at__isnull", True), ("fallback_contact__isnull", False), _connector="OR"
                ),
                name="clinic_is_active_with_a_fallback",
            ),
        ),
        migrations.AddIndex(
            model_name="breakglass",
            index=models.Index(fields=["user", "-ends_at"], name="broken_glass_by_user"),
        ),
        migrations.AddIndex(
            model_name="breakglass",
            index=models.Index(fields=["patient", "-begun_at"], name="broken_glass_by_patient"),
        ),
        migrations.AddConstraint(
            model_name="breakglass",
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
            model_name="breakglass",
            constraint=models.UniqueConstraint(fields=("clinic_id", "id"), name="broken_glass_of_clinic"),
        ),
        migrations.AddConstraint(
            model_name="teammembership",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("starts_at__lte", models.F("ends_at")),
                    ("starts_at__isnull", True),
                    ("ends_at__isnull", True),
                    _connector="OR",
                ),
                name="membership_starts_before_it_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="teammembership",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ends_at__isnull", True)),
                fields=("team", "staff_member"),
                name="membership_once_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="breakglassreason",
            index=models.Index(fields=["clinic_id", "key"], name="breakglassreason_by_key"),
        ),
    ]

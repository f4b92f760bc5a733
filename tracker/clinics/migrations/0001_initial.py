import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
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
            name="Patient",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=120)),
                ("birth_date", models.DateField(null=True)),
                ("time_zone", models.CharField(max_length=64)),
                ("enrolled_on", models.DateField()),
                ("discharged_on", models.DateField(null=True)),
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
                (
                    "primary_clinician",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="clinics.staffmember",
                    ),
                ),
            ],
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
                ("time_zone", models.CharField(help_text="IANA name", max_length=64)),
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
                    ("enrolled_on__lte", models.F("discharged_on")),
                    ("enrolled_on__isnull", True),
                    ("discharged_on__isnull", True),
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
    ]

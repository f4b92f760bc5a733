import django.db.models.deletion
import django.db.models.expressions
import tracker.accounts.fields
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
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
                (
                    "kind",
                    models.CharField(
                        choices=[("staff", "staff"), ("patient", "patient"), ("caregiver", "caregiver")],
                        max_length=9,
                    ),
                ),
                ("is_active", models.BooleanField(default=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["staff", "patient", "caregiver"])),
                        name="user_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.expressions.RawSQL(
                            "email ~ '^[^:@]{1,32}:[A-Za-z0-9+/]{24,}=*$'",
                            (),
                            output_field=models.BooleanField(),
                        ),
                        name="user_email_is_encrypted",
                    ),
                ],
            },
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
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("device_id__isnull", True), ("user__isnull", False), _connector="OR"
                        ),
                        name="session_of_a_device_is_somebodys",
                    )
                ],
            },
        ),
    ]

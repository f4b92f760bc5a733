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
            name="Message",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("channel", models.CharField(max_length=8)),
                ("words", models.CharField(max_length=40)),
                ("subject", models.CharField(max_length=120)),
                ("key", models.CharField(max_length=160)),
                ("urgent", models.BooleanField(default=False)),
                ("due_at", models.DateTimeField()),
                (
                    "expires_at",
                    models.DateTimeField(
                        help_text="not sent any more from then on; kept as unsent", null=True
                    ),
                ),
                ("claimed_until", models.DateTimeField(null=True)),
                ("attempts", models.SmallIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("read_at", models.DateTimeField(null=True)),
                (
                    "recipient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("sent_at__isnull", True), ("withdrawn_at__isnull", True)),
                        fields=["clinic_id", "due_at"],
                        name="message_waiting",
                    ),
                    models.Index(fields=["recipient", "-due_at"], name="message_by_recipient"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("clinic_id", "key"), name="message_once_per_key"),
                    models.CheckConstraint(
                        condition=models.Q(("channel__in", ["INBOX", "EMAIL"])),
                        name="message_channel_is_known",
                    ),
                ],
            },
        ),
    ]

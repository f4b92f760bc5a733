import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0002_row_security"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("rule", models.CharField(max_length=64)),
                ("rule_version", models.SmallIntegerField(default=1)),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("EMERGENCY", "emergency"),
                            ("URGENT", "urgent"),
                            ("HIGH", "high"),
                            ("REVIEW", "review"),
                        ],
                        max_length=12,
                    ),
                ),
                ("source_kind", models.CharField(max_length=32)),
                ("source_id", models.UUIDField()),
                (
                    "value",
                    models.FloatField(
                        help_text="the worst answer so far; none for a yes or a tier", null=True
                    ),
                ),
                (
                    "raise_count",
                    models.SmallIntegerField(
                        default=1, help_text="how often it was raised: again when the answer got worse"
                    ),
                ),
                (
                    "answer_stored",
                    models.BooleanField(
                        default=True, help_text="false: the record could not be stored as sent"
                    ),
                ),
                (
                    "is_historical",
                    models.BooleanField(
                        default=False, help_text="the answer was older than 7 days on arrival"
                    ),
                ),
                ("answered_at", models.DateTimeField()),
                (
                    "answered_on",
                    models.DateField(help_text="the patient's local day of the answer, where they were then"),
                ),
                ("raised_at", models.DateTimeField()),
                ("escalation_step", models.SmallIntegerField(default=0)),
                ("acknowledged_at", models.DateTimeField(null=True)),
                (
                    "acknowledged_by",
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
                        condition=models.Q(("acknowledged_at__isnull", True)),
                        fields=["clinic_id", "patient"],
                        name="alert_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("patient", "rule", "source_id"), name="alert_once_per_rule_and_answer"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("acknowledged_at__isnull", True), ("acknowledged_by__isnull", True)),
                            models.Q(("acknowledged_at__isnull", False), ("acknowledged_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="alert_acknowledged_at_and_by",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ["EMERGENCY", "URGENT", "HIGH", "REVIEW"])),
                        name="alert_level_is_known",
                    ),
                ],
            },
        ),
    ]

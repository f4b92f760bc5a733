import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SummaryState",
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
                ("through_sequence", models.BigIntegerField()),
                ("through_on", models.DateField(help_text="the patient's local day of the last run")),
                ("algorithm", models.CharField(max_length=32)),
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
            name="Summary",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("week_start", models.DateField(help_text="the Monday it starts on")),
                ("figures", models.TextField()),
                ("digest", models.CharField(max_length=64)),
                ("algorithm", models.CharField(max_length=32)),
                ("through_sequence", models.BigIntegerField()),
                ("built_at", models.DateTimeField()),
                ("revision", models.PositiveIntegerField(default=1)),
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
                    models.UniqueConstraint(fields=("patient", "week_start"), name="summary_once_per_week"),
                    models.CheckConstraint(
                        condition=models.Q(("week_start__iso_week_day", 1)), name="summary_starts_on_monday"
                    ),
                ],
            },
        ),
    ]

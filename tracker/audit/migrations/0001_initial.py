import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ChainHead",
            fields=[
                ("clinic_id", models.UUIDField(primary_key=True, serialize=False)),
                ("seq", models.BigIntegerField()),
                ("event_id", models.BigIntegerField(null=True)),
                ("hash", models.BinaryField(max_length=32)),
                ("moved_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("clinic_id", models.UUIDField()),
                ("actor", models.CharField(max_length=80)),
                ("on_behalf_of", models.CharField(default="", max_length=80)),
                ("action", models.CharField(max_length=64)),
                ("kind", models.CharField(default="", max_length=64)),
                ("subject", models.CharField(max_length=120)),
                ("patient", models.UUIDField(null=True)),
                (
                    "patients",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.UUIDField(), null=True, size=None
                    ),
                ),
                ("purpose", models.CharField(default="", max_length=120)),
                ("device", models.CharField(default="", max_length=40)),
                ("request", models.CharField(default="", max_length=64)),
                (
                    "result",
                    models.CharField(
                        choices=[("DONE", "done"), ("REFUSED", "refused")], default="DONE", max_length=8
                    ),
                ),
                ("detail", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["clinic_id", "patient", "-id"], name="audit_by_patient"),
                    django.contrib.postgres.indexes.GinIndex(
                        condition=models.Q(("patients__isnull", False)),
                        fields=["patients"],
                        name="audit_by_patient_in_list",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("result__in", ["DONE", "REFUSED"])), name="event_result_is_known"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ChainLink",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "clinic_id", "seq", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("clinic_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("event_id", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("event_id",), name="event_linked_once")],
            },
        ),
    ]

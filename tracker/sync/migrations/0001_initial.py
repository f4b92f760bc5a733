import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("access", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="SyncBatch",
            fields=[
                ("clinic_id", models.UUIDField(editable=False)),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "patient_id",
                        "device_id",
                        "key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("device_id", models.UUIDField()),
                ("key", models.CharField(max_length=80)),
                ("fingerprint", models.BinaryField(max_length=32)),
                ("received_at", models.DateTimeField()),
                ("receipt", models.UUIDField()),
                ("results", models.JSONField()),
                ("head", models.BigIntegerField()),
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
    ]

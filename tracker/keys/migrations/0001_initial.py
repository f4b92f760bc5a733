import django.db.models.deletion
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("clinics", "0001_initial"),
    ]

    operations = [
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
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("replaced_at__isnull", True)),
                        fields=("patient",),
                        name="data_key_once_per_patient",
                    ),
                    models.UniqueConstraint(fields=("clinic_id", "patient", "id"), name="data_key_of_clinic"),
                    models.CheckConstraint(
                        condition=models.Q(("master_is_open", True)), name="data_key_under_an_open_master_key"
                    ),
                ],
            },
        ),
    ]

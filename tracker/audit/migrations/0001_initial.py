from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Event",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("clinic_id", models.UUIDField()),
                ("actor", models.CharField(max_length=80)),
                ("action", models.CharField(max_length=64)),
                ("subject", models.CharField(max_length=120)),
                ("patient", models.UUIDField(null=True)),
                ("detail", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [models.Index(fields=["clinic_id", "patient", "-id"], name="audit_by_patient")],
            },
        ),
    ]

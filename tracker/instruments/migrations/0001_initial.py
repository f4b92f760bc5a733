import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Instrument",
            fields=[
                ("code", models.CharField(max_length=64, primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name="Version",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=64)),
                ("scoring_version", models.CharField(max_length=16)),
                ("title", models.CharField(max_length=200)),
                ("content", models.JSONField()),
                ("content_hash", models.CharField(max_length=64)),
                (
                    "terms",
                    models.CharField(
                        choices=[
                            ("free", "free"),
                            ("free_noncommercial", "free for non-commercial use"),
                            ("permission_needed", "permission needed"),
                            ("licensed", "licensed"),
                            ("project_authored", "written by this project"),
                            ("unclear", "unclear"),
                        ],
                        max_length=20,
                    ),
                ),
                ("wording_ships", models.BooleanField()),
                ("copyright", models.TextField(blank=True)),
                ("published_at", models.DateTimeField()),
                (
                    "instrument",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="instruments.instrument",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Permission",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("clinic_id", models.UUIDField()),
                ("wording", models.JSONField()),
                ("granted_by", models.CharField(max_length=200)),
                ("granted_on", models.DateField()),
                ("loaded_at", models.DateTimeField()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="instruments.version",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Offer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("clinic_id", models.UUIDField()),
                ("offered_by", models.CharField(max_length=80)),
                ("offered_at", models.DateTimeField()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="instruments.version",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.UniqueConstraint(
                fields=("instrument", "version"), name="version_of_instrument_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "terms__in",
                        [
                            "free",
                            "free_noncommercial",
                            "permission_needed",
                            "licensed",
                            "project_authored",
                            "unclear",
                        ],
                    )
                ),
                name="version_terms_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="version",
            constraint=models.CheckConstraint(
                condition=models.Q(("content_hash__regex", "^[0-9a-f]{64}$")),
                name="version_has_a_content_hash",
            ),
        ),
        migrations.AddConstraint(
            model_name="permission",
            constraint=models.UniqueConstraint(
                fields=("clinic_id", "version"), name="permission_once_per_clinic_and_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="permission",
            constraint=models.CheckConstraint(
                condition=models.Q(("granted_by__regex", "\\S")), name="permission_names_who_granted_it"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.UniqueConstraint(
                fields=("clinic_id", "version"), name="offer_once_per_clinic_and_version"
            ),
        ),
        migrations.AddConstraint(
            model_name="offer",
            constraint=models.CheckConstraint(
                condition=models.Q(("offered_by__regex", "\\S")), name="offer_names_who_made_it"
            ),
        ),
    ]

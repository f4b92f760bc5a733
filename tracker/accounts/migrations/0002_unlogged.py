"""Counts of tries are written at every sign-in and may be lost in a crash: they need no write-ahead log."""

from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("accounts", "0001_initial")]
    operations: ClassVar = [
        migrations.RunSQL(
            "ALTER TABLE accounts_throttlecount SET UNLOGGED",
            "ALTER TABLE accounts_throttlecount SET LOGGED",
        )
    ]

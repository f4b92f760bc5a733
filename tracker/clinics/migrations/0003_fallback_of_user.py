"""The account of an active clinic's fallback contact stays switched on: a trigger on a table of a lower app."""

from typing import ClassVar

from django.db import migrations

TRIGGER = """
CREATE CONSTRAINT TRIGGER fallback_stays_switched_on AFTER UPDATE ON accounts_user
    DEFERRABLE FOR EACH ROW WHEN (OLD.is_active AND NOT NEW.is_active)
    EXECUTE FUNCTION clinics_keep_fallback_of_user();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("clinics", "0002_tables")]
    operations: ClassVar = [
        migrations.RunSQL(TRIGGER, "DROP TRIGGER fallback_stays_switched_on ON accounts_user;")
    ]

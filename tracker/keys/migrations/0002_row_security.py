"""Row-level security of data keys; no data key under a closed master key; encrypted text is never rewritten."""

from typing import ClassVar

from django.db import migrations

from tracker.keys import encrypted_table
from tracker.lib import rls


class Migration(migrations.Migration):
    dependencies: ClassVar = [("keys", "0001_initial"), ("clinics", "0002_row_security")]
    operations: ClassVar = [
        rls.related_to_patient("keys_datakey"),
        migrations.RunSQL(encrypted_table.ONLY_REENCRYPTED, "DROP FUNCTION keys_only_reencrypted()"),
        migrations.RunSQL(
            """
            ALTER TABLE keys_datakey
                ADD CONSTRAINT keys_datakey_wrapped_by_an_open_master_key
                FOREIGN KEY (master_key_id, master_is_open) REFERENCES keys_masterkey (id, is_open);
            """,
            """
            ALTER TABLE keys_datakey DROP CONSTRAINT keys_datakey_wrapped_by_an_open_master_key;
            """,
        ),
    ]

"""What the database promises about a table of encrypted texts (``keys.models.EncryptedText``)."""

from tracker.lib.table_constraints import CompositeForeignKey, TableConstraint, Trigger


def encrypted_table(*, is_temporary: bool = False) -> list[TableConstraint]:
    """
    Rows are encrypted with a key of their patient, and only ever re-encrypted (``sql/functions.sql``).

    ``is_temporary``: they may be removed.
    """
    return [
        CompositeForeignKey(
            name="%(app_label)s_%(class)s_key_of_patient",
            columns=("clinic_id", "patient_id", "key_id"),
            to_table="keys_datakey",
            to_columns=("clinic_id", "patient_id", "id"),
        ),
        Trigger(
            name="%(class)s_only_reencrypted",
            when="BEFORE UPDATE" if is_temporary else "BEFORE UPDATE OR DELETE",
            execute="keys_only_reencrypted()",
        ),
    ]

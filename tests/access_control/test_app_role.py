"""The rights of the application's role: tables whose rows it may not change or remove."""

from django.apps import apps
from django.db import connection

from tracker.lib.table_constraints import Trigger

APPEND_ONLY = {
    "audit_auditevent",
    "audit_chainlink",
    "access_consentchange",
    "keys_keyfingerprint",
    "records_formerversion",
    "records_mergededit",
    "records_accessrevocation",
}
READ_ONLY = {
    "django_migrations",
    "instruments_instrument",
    "instruments_version",
    "access_consenttext",
    "records_epoch",
}
NEVER_REMOVED = {"audit_chainhead", "alerts_heartbeat", "alerts_unreadwrites"}


def refused(right: str) -> set[str]:
    """Return the tables on which the role of the test, the application's, does not have ``right``."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND NOT has_table_privilege(oid, %s)",
            [right],
        )
        return {name for (name,) in cursor.fetchall()}


def test_the_application_role_inserts_updates_and_deletes_where_the_model_says_so_and_truncates_nothing(db):
    assert refused("SELECT") == set()
    assert refused("INSERT") == READ_ONLY
    assert refused("UPDATE") == READ_ONLY | APPEND_ONLY
    assert refused("DELETE") == READ_ONLY | APPEND_ONLY | NEVER_REMOVED
    assert refused("TRUNCATE") >= {model._meta.db_table for model in apps.get_models()}


def test_a_model_with_an_append_only_trigger_declares_rights_that_say_the_same():
    with_trigger = {
        model
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, Trigger) and constraint.name.endswith("append_only")
    }

    assert len(with_trigger) >= 5
    assert {model.db_rights for model in with_trigger} <= {"append_only", "read_only"}  # type: ignore[attr-defined]

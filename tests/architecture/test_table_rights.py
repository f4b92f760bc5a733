"""The rights of the application's role: what the models declare, what the catalogue says, and what is refused."""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from tracker.access.management.commands.grant_app_role import OTHERS, declared_rights
from tracker.lib.table_constraints import Trigger

APPEND_ONLY = {
    "audit_auditevent",
    "audit_chainlink",
    "access_consentchange",
    "keys_keyfingerprint",
    "records_formerversion",
    "records_mergededit",
    "records_accessrevocation",
    "sync_syncbatch",
    "treatment_monitoringlimits",
    "treatment_sessionevent",
}
READ_ONLY = {
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "django_migrations",
    "instruments_instrument",
    "instruments_version",
    "access_consenttext",
    "records_epoch",
}
# Everything else stays: alerts, audit, receipts, records and their history, consent, messages, people.
REMOVABLE = {
    "access_emailchange",
    "accounts_formeremail",
    "accounts_knowndevice",
    "accounts_session",
    "accounts_throttlecount",
    "clinics_dutyperiod",
    "instruments_offer",
    "instruments_permission",
    "keys_datakey",
    "mfa_authenticator",
    "outbox_letter",
    "records_dosingperiod",
    "progress_summarypart",
    "records_measurestate",
    "records_observation",
}
# Columns that decide who is whose, or that make an event what it is.
FIXED = {
    ("alerts_alert", "patient_id"),
    ("alerts_alert", "rule"),
    ("audit_chainhead", "hash"),
    ("audit_chainhead", "seq"),
    ("clinics_invitation", "role"),
    ("clinics_patient", "clinic_id"),
    ("clinics_staffmember", "role"),
    ("clinics_staffmember", "user_id"),
    ("clinics_teammembership", "team_id"),
    ("outbox_message", "recipient_id"),
    ("records_painentry", "patient_id"),
}
_TABLES = "FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"


def tables() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT relname {_TABLES}")
        return [name for (name,) in cursor.fetchall()]


def refused(right: str) -> set[str]:
    """Return the tables on which the role of the test, the application's, has ``right`` not even for one column."""
    asks = "has_any_column_privilege" if right in {"SELECT", "INSERT", "UPDATE"} else "has_table_privilege"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT relname {_TABLES} AND NOT {asks}(oid, %s)", [right])
        return {name for (name,) in cursor.fetchall()}


def columns_without(right: str) -> dict[str, set[str]]:
    """Return the columns of each table that the role has ``right`` not for, where it has it for others."""
    columns = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped"
            " AND has_any_column_privilege(attrelid, %s) AND NOT has_column_privilege(attrelid, attnum, %s)",
            [right, right],
        )
        for table, column in cursor.fetchall():
            columns[table].add(column)
    return columns


def test_the_application_role_inserts_updates_and_deletes_where_the_models_say_so_and_truncates_nothing(db):
    assert refused("SELECT") == set()
    assert refused("INSERT") == READ_ONLY
    assert refused("UPDATE") == READ_ONLY | APPEND_ONLY
    assert set(tables()) - refused("DELETE") == REMOVABLE
    for right in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        assert refused(right) == set(tables()), right


def test_the_application_role_updates_no_column_that_a_model_declares_fixed(db):
    kept = columns_without("UPDATE")

    assert {(table, column) for table, columns in kept.items() for column in columns} >= FIXED
    for model in apps.get_models():
        fields, rights = {field.name: field for field in model._meta.fields}, declared_rights(model)
        if rights.update:
            assert {fields[name].column for name in rights.fixed} <= kept.get(model._meta.db_table, set()), (
                model
            )
    assert set(tables()) - set(kept) - READ_ONLY - APPEND_ONLY == {
        "account_emailaddress",
        "account_emailconfirmation",
        "accounts_knowndevice",
        "accounts_session",
        "accounts_throttlecount",
        "alerts_heartbeat",
        "alerts_unreadwrites",
        "mfa_authenticator",
    }


def test_the_application_role_gives_no_audit_event_its_number(db):
    assert columns_without("INSERT")["audit_auditevent"] == {"id"}


def refusals() -> Iterator[str]:
    """Statements that touch no row: PostgreSQL asks for the right before it looks for one."""
    for right, sql in {
        "DELETE": "DELETE FROM {} WHERE false",
        "TRUNCATE": "TRUNCATE {}",
        "INSERT": "INSERT INTO {} DEFAULT VALUES",
    }.items():
        yield from (sql.format(table) for table in sorted(refused(right)))
    for table in sorted(refused("UPDATE")):
        columns = connection.introspection.get_table_description(connection.cursor(), table)
        yield f'UPDATE {table} SET "{columns[0].name}" = NULL WHERE false'
    for table, fixed in columns_without("UPDATE").items():
        yield from (f'UPDATE {table} SET "{column}" = NULL WHERE false' for column in sorted(fixed))
    for table, numbers in columns_without("INSERT").items():
        yield from (f'INSERT INTO {table} ("{column}") SELECT 1 WHERE false' for column in sorted(numbers))


def test_postgresql_refuses_the_application_role_each_right_that_is_not_declared(db):
    statements = list(refusals())

    assert len(statements) > 150
    for statement in statements:
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_the_application_role_moves_no_sequence(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, CASE relkind WHEN 'S' THEN has_sequence_privilege(oid, 'USAGE, SELECT, UPDATE') END"
            " FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace"
        )
        sequences = dict(cursor.fetchall())

    assert len(sequences) >= 5
    assert not any(sequences.values())


def test_rights_of_other_packages_tables_are_of_tables_that_are_there(db):
    assert set(OTHERS) <= set(tables())


def test_a_model_with_an_append_only_trigger_declares_rights_that_say_the_same():
    with_trigger = {
        model
        for model in apps.get_models()
        for constraint in model._meta.constraints
        if isinstance(constraint, Trigger) and constraint.name.endswith("append_only")
    }

    assert len(with_trigger) >= 5
    assert not [model for model in with_trigger if declared_rights(model).update]

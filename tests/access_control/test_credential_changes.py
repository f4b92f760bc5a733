"""Passwords and second factors: whoever writes them in the database leaves an audit event."""

from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection, transaction

from tests import factories
from tests.rls_context import as_clinic
from tracker.access.principal import load_principal
from tracker.audit.models import SYSTEM, AuditEvent
from tracker.lib import rls


def written() -> list[tuple[str, str, str, list[str]]]:
    """Return table, account, command and columns of the events that the database left, oldest first."""
    with as_clinic(SYSTEM):
        events = AuditEvent.objects.filter(action="account.credentials_written").order_by("id")
        return [(e.kind, e.subject, e.detail["command"], e.detail["columns"]) for e in events]


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


@pytest.mark.parametrize(
    ("column", "value"),
    [("password", "x"), ("kind", "patient"), ("is_active", False), ("email", "m1:" + "A" * 24)],
)
def test_a_statement_that_changes_a_password_kind_state_or_address_leaves_an_audit_event(
    world, column, value
):
    run(f"UPDATE accounts_user SET {column} = %s, last_login = now() WHERE id = %s", value, world.ben.user_id)

    assert written() == [("accounts_user", f"user/{world.ben.user_id}", "update", [column])]


def test_a_sign_in_changes_no_credentials(world):
    run("UPDATE accounts_user SET last_login = now()")
    Authenticator.objects.update(last_used_at=factories.MONDAY)

    assert written() == []


def test_a_statement_that_adds_changes_or_removes_a_second_factor_leaves_an_audit_event(world):
    Authenticator.objects.filter(user=world.ben.user).delete()
    before, ben = written(), world.ben.user_id

    run(
        "INSERT INTO mfa_authenticator (type, data, user_id, created_at) VALUES ('totp', '{}', %s, now())",
        ben,
    )
    run("UPDATE mfa_authenticator SET data = '{\"a\": 1}' WHERE user_id = %s", ben)
    run("DELETE FROM mfa_authenticator WHERE user_id = %s", ben)

    events = written()[len(before) :]
    assert [(kind, subject, command) for kind, subject, command, _ in events] == [
        ("mfa_authenticator", f"user/{ben}", command) for command in ("insert", "update", "delete")
    ]
    assert events[1][3] == ["data"]


def test_the_event_of_a_changed_password_holds_no_hash_and_leaves_the_context_as_it_was(world):
    load_principal(world.ada.user_id, factories.MONDAY)
    run("UPDATE accounts_user SET password = 'a-secret-hash' WHERE id = %s", world.ada.user_id)

    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('app.clinic'), current_setting('app.person')")
        assert cursor.fetchone() == (str(world.clinic.pk), str(world.ada.user_id))
    rls.reset()
    with as_clinic(SYSTEM):
        event = AuditEvent.objects.filter(action="account.credentials_written").values().get()
    assert "a-secret-hash" not in str(event)


def test_the_application_role_cannot_leave_out_the_event_of_a_changed_password(db):
    for statement in (
        "ALTER TABLE accounts_user DISABLE TRIGGER user_records_credential_change",
        "DROP TRIGGER user_records_credential_change ON accounts_user",
        "SET session_replication_role = replica",
        "DROP FUNCTION access_record_credential_change()",
    ):
        with pytest.raises(Exception, match=r"must be owner|permission denied"), transaction.atomic():
            run(statement)

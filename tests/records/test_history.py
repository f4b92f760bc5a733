"""What was said stays said: former versions, raw journal text and the audit refuse every change."""

import os
import uuid
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.records.kinds.journal import JournalEntry, JournalText
from tracker.records.kinds.pain import PainEntry
from tracker.records.models import FormerVersion

APPEND_ONLY = ("audit_auditevent", "records_formerversion", "records_journaltext")


def removal_of(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "data"} | {
        "revision": record["revision"] + 1, "removed": True,
    }  # fmt: skip


@pytest.fixture
def said(world: factories.World) -> factories.World:
    """Ada wrote a page and a pain entry, and mended both: every append-only table has a row."""
    phone = Phone(world.ada.user)
    page, pain = factories.record("journal", {"text": "first", "mood": 2}), factories.pain(6)
    phone.push(page, pain)
    phone.push(
        page | {"revision": 2, "data": {"text": "second", "mood": 3}},
        pain | {"revision": 2, "data": {"intensity": 4}},
    )
    return world


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize(
    "statement", ["UPDATE {} SET clinic_id = clinic_id", "DELETE FROM {}", "TRUNCATE {}"]
)
def test_the_application_role_cannot_change_append_only_rows(said, table, statement):
    with as_clinic(said.clinic.pk), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        assert cursor.fetchone()[0] > 0

        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            cursor.execute(statement.format(table))

    assert caught.value.__cause__.sqlstate == "42501"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditevent SET actor = 'nobody'",
        "DELETE FROM audit_auditevent",
        "TRUNCATE audit_auditevent",
        "UPDATE records_formerversion SET revision = 9",
        "DELETE FROM records_formerversion",
        "UPDATE records_journaltext SET revision = 9",
        "DELETE FROM records_journaltext",
    ],
)
def test_the_append_only_trigger_refuses_an_update_by_the_owner_too(live, statement):
    with transaction.atomic():
        phone = Phone(live.world.ada.user)
        page, pain = factories.record("journal", {"text": "first"}), factories.pain(6)
        phone.push(page, pain)
        phone.push(pain | {"revision": 2, "data": {"intensity": 4}})

    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as owner:
        # Row-level security binds the owner too, so she needs a worker's context.
        owner.execute("SELECT set_config('app.clinic', %s, true)", [str(live.world.clinic.pk)])
        owner.execute("SELECT set_config('app.scope', 'clinic', true)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match=r"append-only|never change"):
            owner.execute(statement.encode())


def test_every_former_version_is_kept_as_it_was(said):
    with as_clinic(said.clinic.pk):
        kept = {row.kind: row.row for row in FormerVersion.objects.all()}
        pain = PainEntry.objects.get()

    assert (kept["pain"]["intensity"], pain.intensity) == (6, 4)
    assert (kept["pain"]["revision"], kept["journal"]["mood"]) == (1, 2)
    assert uuid.UUID(kept["pain"]["id"]) == pain.id


def test_a_tombstone_keeps_the_former_version_and_a_second_one_adds_nothing(world):
    phone, record = Phone(world.ada.user), factories.pain(6)
    phone.push(record)
    removal = removal_of(record)

    first, second = phone.push(removal), phone.push(removal)

    assert [answer.json()["results"][0]["status"] for answer in (first, second)] == ["stored", "replayed"]
    with as_clinic(world.clinic.pk):
        assert [row.row["intensity"] for row in FormerVersion.objects.all()] == [6]


def test_every_former_text_of_a_journal_entry_stays_encrypted_beside_it(said):
    with as_clinic(said.clinic.pk):
        page = JournalEntry.objects.get()
        texts = JournalText.objects.filter(entry_id=page.id).order_by("revision")

        assert [text.revision for text in texts] == [1, 2]
        assert not any(word in bytes(text.ciphertext) for text in texts for word in (b"first", b"second"))


def test_inserting_alone_leaves_no_history(world):
    Phone(world.ada.user).push(factories.pain(6), factories.daily(mood=3))

    with as_clinic(world.clinic.pk):
        assert not FormerVersion.objects.exists()


def test_the_application_may_empty_no_table_at_all(db):
    app = os.environ["DATABASE_URL"].split("//")[1].split(":")[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            " AND has_table_privilege(%s, oid, 'TRUNCATE')",
            [app],
        )
        assert cursor.fetchall() == []

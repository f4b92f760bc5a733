"""Table constraints in ``Meta.constraints``: migrations add, alter and remove what the database then keeps."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, connections, migrations, models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState
from django.db.migrations.writer import MigrationWriter

from tests import databases
from tracker.lib.table_constraints import (
    CompositeForeignKey,
    NoOverlap,
    RowLevelSecurity,
    TableConstraint,
    Trigger,
)

POLICY = RowLevelSecurity(name="page_rls", read="clinic > 0")
NARROWER = RowLevelSecurity(name="page_rls", read="clinic > 0", insert="clinic > 1", delete="false")
KEY = CompositeForeignKey(
    name="page_book_of_clinic",
    columns=["clinic", "book"],
    to_table="library_book",
    to_columns=["clinic", "id"],
)
DEFERRED = CompositeForeignKey(
    name="page_book_of_clinic",
    columns=["clinic", "book"],
    to_table="library_book",
    to_columns=["clinic", "id"],
    deferred=True,
)
TRIGGER = Trigger(name="page_refuses", when="BEFORE UPDATE", execute="library_refuse()")
OTHER_TRIGGER = Trigger(
    name="page_refuses", when="BEFORE DELETE", execute="library_refuse()", condition="OLD.clinic > 0"
)

SPAN = "int8range(book, book + 10)"
APART = NoOverlap(name="page_apart", columns=["clinic"], span=SPAN)
APART_FROM_ONE = NoOverlap(name="page_apart", columns=["clinic"], span=SPAN, condition="clinic > 0")


def state(*constraints: TableConstraint) -> ProjectState:
    """A project with books and pages; ``constraints`` stand in the ``Meta`` of a page."""
    book = ModelState(
        "library",
        "Book",
        [("id", models.BigAutoField(primary_key=True)), ("clinic", models.IntegerField())],
        {"constraints": [models.UniqueConstraint(fields=["clinic", "id"], name="book_of_clinic")]},
    )
    page = ModelState(
        "library",
        "Page",
        [
            ("id", models.BigAutoField(primary_key=True)),
            ("clinic", models.IntegerField()),
            ("book", models.BigIntegerField()),
        ],
        {"constraints": list(constraints)},
    )
    project = ProjectState()
    project.add_model(book)
    project.add_model(page)
    return project


def changes(before: ProjectState, after: ProjectState) -> list[migrations.Migration]:
    """Return what makemigrations would write."""
    asked = MigrationQuestioner({"ask_initial": True})
    detected = MigrationAutodetector(before, after, asked).changes(graph=MigrationGraph())
    return detected.get("library", [])


@pytest.fixture
def owner(template_database: str, fresh_database: Any, django_db_blocker: Any) -> Iterator[Any]:
    """The connection as the owner of a database of its own, with the function of the trigger."""
    settings, fresh = connections["default"].settings_dict, fresh_database()
    before = {name: settings[name] for name in ("NAME", "USER", "PASSWORD")}
    with django_db_blocker.unblock():
        databases.connect_as_owner(fresh["DATABASE_URL"].rpartition("/")[2])
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION library_refuse() RETURNS trigger LANGUAGE plpgsql AS"
                " $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'insufficient_privilege'; END $$"
            )
        yield connection
        connection.close()
        settings.update(before)


def migrate(before: ProjectState, after: ProjectState, *, backwards: bool = False) -> None:
    """Apply the detected changes to the database, or take them back."""
    (migration,) = changes(before, after)
    with connection.schema_editor() as editor:
        (migration.unapply if backwards else migration.apply)(before.clone(), editor)


def rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def promises() -> dict[str, list[tuple[Any, ...]]]:
    """Return what the database keeps of the table of pages, as its catalogue tells."""
    return {
        "rls": rows(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE relname = 'library_page'"
        ),
        "policies": rows(
            "SELECT policyname, cmd, qual, with_check FROM pg_policies WHERE tablename = 'library_page' ORDER BY 1"
        ),
        "keys": rows(
            "SELECT conname, condeferrable, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'library_page'::regclass AND contype = 'f'"
        ),
        "overlaps": rows(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid = 'library_page'::regclass AND contype = 'x'"
        ),
        "triggers": rows(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE tgrelid = 'library_page'::regclass AND NOT tgisinternal"
        ),
    }


CASES = [
    pytest.param(POLICY, NARROWER, "policies", id="RowLevelSecurity"),
    pytest.param(KEY, DEFERRED, "keys", id="CompositeForeignKey"),
    pytest.param(APART, APART_FROM_ONE, "overlaps", id="NoOverlap"),
    pytest.param(TRIGGER, OTHER_TRIGGER, "triggers", id="Trigger"),
]


@pytest.mark.parametrize(("constraint", "other", "what"), CASES)
def test_a_table_constraint_is_made_with_its_table_and_added_to_one_alike(owner, constraint, other, what):
    migrate(ProjectState(), state(constraint))
    with_table = promises()
    migrate(state(constraint), state())
    bare = promises()
    migrate(state(), state(constraint))

    assert with_table == promises()
    assert with_table[what]
    assert bare == {"rls": [(False, False)], "policies": [], "keys": [], "overlaps": [], "triggers": []}


@pytest.mark.parametrize(("constraint", "other", "what"), CASES)
def test_an_altered_table_constraint_replaces_the_former_one(owner, constraint, other, what):
    migrate(ProjectState(), state(constraint))
    former = promises()[what]
    migrate(state(constraint), state(other))
    altered = promises()[what]
    migrate(state(constraint), state(other), backwards=True)

    assert altered != former
    assert len(altered) == len(former)
    assert promises()[what] == former


@pytest.mark.parametrize(("constraint", "other", "what"), CASES)
def test_an_unchanged_table_constraint_is_no_change_and_another_is_one(constraint, other, what):
    (migration,) = changes(state(constraint), state(other))

    assert changes(state(constraint), state(constraint.clone())) == []
    assert [type(operation).__name__ for operation in migration.operations] == [
        "RemoveConstraint",
        "AddConstraint",
    ]


@pytest.mark.parametrize(
    "constraint", [POLICY, NARROWER, KEY, DEFERRED, APART, APART_FROM_ONE, TRIGGER, OTHER_TRIGGER]
)
def test_a_migration_holds_the_sql_of_a_table_constraint_as_text(constraint):
    text, imports = MigrationWriter.serialize(constraint)
    scope: dict[str, Any] = {}
    exec("\n".join(imports), scope)

    assert eval(text, scope) == constraint
    assert imports == {"import tracker.lib.table_constraints"}


def test_row_level_security_holds_for_the_owner_too_and_each_command_has_its_own_condition(owner):
    migrate(ProjectState(), state(NARROWER))

    policies = {command: (using, check) for _, command, using, check in promises()["policies"]}
    assert promises()["rls"] == [(True, True)]
    assert policies == {
        "SELECT": ("(clinic > 0)", None),
        "INSERT": (None, "(clinic > 1)"),
        "UPDATE": ("(clinic > 0)", "(clinic > 0)"),
        "DELETE": ("false", None),
    }


def test_a_composite_key_refuses_a_row_of_another_clinic_at_once_or_at_the_commit(owner):
    migrate(ProjectState(), state(KEY))
    rows("INSERT INTO library_book (id, clinic) OVERRIDING SYSTEM VALUE VALUES (1, 7) RETURNING id")

    rows("INSERT INTO library_page (clinic, book) VALUES (7, 1) RETURNING id")
    with pytest.raises(Exception, match="page_book_of_clinic"):
        rows("INSERT INTO library_page (clinic, book) VALUES (8, 1) RETURNING id")
    migrate(state(KEY), state(DEFERRED))
    assert promises()["keys"][0][1] is True


def test_spans_of_the_same_columns_do_not_overlap_where_the_condition_holds(owner):
    migrate(ProjectState(), state(APART_FROM_ONE))
    insert = "INSERT INTO library_page (clinic, book) VALUES ({}, {}) RETURNING id"

    for clinic, book in ((7, 1), (7, 11), (8, 5), (0, 1), (0, 1)):
        rows(insert.format(clinic, book))
    with pytest.raises(Exception, match="page_apart"):
        rows(insert.format(7, 10))


def test_a_trigger_fires_where_its_condition_holds(owner):
    migrate(ProjectState(), state(OTHER_TRIGGER))
    rows("INSERT INTO library_page (clinic, book) VALUES (0, 1), (1, 1) RETURNING id")

    assert len(rows("DELETE FROM library_page WHERE clinic = 0 RETURNING id")) == 1
    with pytest.raises(Exception, match="refused") as refused:
        rows("DELETE FROM library_page WHERE clinic = 1 RETURNING id")
    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)


def test_a_deferred_constraint_trigger_fires_at_the_commit(owner):
    at_commit = Trigger(
        name="page_refuses",
        when="AFTER INSERT",
        execute="library_refuse()",
        constraint="DEFERRABLE INITIALLY DEFERRED",
    )
    migrate(ProjectState(), state(at_commit))

    assert "DEFERRABLE INITIALLY DEFERRED" in promises()["triggers"][0][0]
    with pytest.raises(Exception, match="refused"):
        rows("INSERT INTO library_page (clinic, book) VALUES (1, 1) RETURNING id")

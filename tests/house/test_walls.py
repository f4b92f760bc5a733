"""The database's own net: every tenant table is walled, and no context means no rows."""

import uuid
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction

from tests import make
from tracker.lib import walls
from tracker.people import access
from tracker.people.models import CareTeam, Patient, StaffMember
from tracker.records.models import Observation, PainEntry

# Tables of all clinics together, each with its reason.
SHARED = {
    "people_clinic": "the list of tenants: no person, no health data",
    "people_user": "who can sign in, asked before anybody is known; names stand behind the wall",
    "instruments_instrument": "the catalogue, the same for all",
    "instruments_version": "the catalogue, the same for all",
    "account_emailaddress": "sign-in: asked before anybody is known",
    "account_emailconfirmation": "sign-in: asked before anybody is known",
    "django_session": "sign-in: hashed keys, asked before anybody is known",
    "django_content_type": "Django's own list of models",
    "django_migrations": "Django's own list of migrations",
    "auth_group": "Django's own, unused",
    "auth_group_permissions": "Django's own, unused",
    "auth_permission": "Django's own list of rights, unused",
}


def rows(sql: str, *values: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def test_every_table_is_walled_or_listed_with_a_reason(db):
    tables = rows(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    bare = {name for name, on, forced in tables if not (on and forced)}

    assert bare == set(SHARED)


def test_every_wall_checks_what_is_written_as_well_as_what_is_read(db):
    policies = rows("SELECT tablename, qual, with_check FROM pg_policies WHERE schemaname = 'public'")

    assert policies
    assert [table for table, using, check in policies if not using or using != check] == []


def test_no_view_and_no_definer_function_steps_around_the_walls(db):
    views = rows(
        "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
    )
    functions = rows("SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace")

    assert (views, functions) == ([], [])


def test_the_application_owns_nothing_and_is_no_superuser(db):
    assert rows(
        "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user"
    ) == [(False,)]
    assert rows("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = current_user") == [(0,)]


def test_foreign_keys_between_tenant_tables_include_the_clinic(db):
    keyed = {
        name
        for (name,) in rows(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
            " AND confrelid = 'people_patient'::regclass AND array_length(conkey, 1) = 2"
        )
    }
    with_patient = {
        name
        for (name,) in rows(
            "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE attname = 'patient_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
    }
    assert keyed == with_patient


def test_without_a_context_there_are_no_rows(world):
    assert not Patient.objects.exists()
    assert not StaffMember.objects.exists()
    assert not CareTeam.objects.exists()


def test_a_patient_sees_only_herself_even_without_any_filter(world):
    access.enter(world.ada.user_id, make.MONDAY)

    assert list(Patient.objects.values_list("pk", flat=True)) == [world.ada.pk]


def test_a_clinician_sees_only_her_teams_patients_even_without_any_filter(world):
    access.enter(world.ben.user_id, make.MONDAY)
    assert list(Patient.objects.values_list("pk", flat=True)) == [world.ada.pk]

    access.enter(world.finn.user_id, make.MONDAY)
    assert list(Patient.objects.values_list("pk", flat=True)) == [world.gus.pk]


def test_an_administrator_sees_no_patient(world):
    viewer = access.enter(world.eve.user_id, make.MONDAY)

    assert not viewer.patients
    assert not Patient.objects.exists()


def test_a_row_cannot_be_written_for_somebody_elses_patient(world):
    access.enter(world.ada.user_id, make.MONDAY)

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Observation.objects.create(
            clinic_id=world.clinic.pk, patient_id=world.bea.pk, source_id=uuid.uuid4(), source_kind="pain",
            measure="pain.intensity", local_on="2026-03-02", at=make.MONDAY, value=3,
        )  # fmt: skip


def test_a_context_ends_with_its_transaction(live):
    with transaction.atomic():
        access.enter(live.world.ada.user_id, make.MONDAY)
        assert Patient.objects.exists()

    with transaction.atomic():
        assert not Patient.objects.exists()


def test_a_wall_outside_a_transaction_is_refused(live):
    with pytest.raises(RuntimeError, match="transaction"):
        access.enter(live.world.ada.user_id, make.MONDAY)
    with pytest.raises(RuntimeError, match="transaction"), walls.clinic(uuid.uuid4()):
        pass


def test_an_account_that_was_switched_off_sees_nothing(world):
    world.ben.user.is_active = False
    world.ben.user.save()

    with pytest.raises(access.NobodyError):
        access.enter(world.ben.user_id, make.MONDAY)
    assert not PainEntry.objects.exists()

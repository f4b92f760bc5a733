"""Row-level security: every table of a clinic has row-level security, and no context means no rows."""

import uuid
from typing import Any

import pytest
from django.db import ProgrammingError, connection, transaction
from django.db.models import Model

from tests import factories
from tracker.access.principal import InactiveUser, load_principal
from tracker.audit import actions as audit
from tracker.audit.models import AuditEvent
from tracker.clinics.models import CareTeam, Patient, Role, StaffMember, TeamMembership
from tracker.lib import rls
from tracker.outbox import actions as outbox
from tracker.outbox.models import Message
from tracker.records.kinds.pain import PainEntry
from tracker.records.models import Observation
from tracker.sync import ingest

# Tables of all clinics together, each with its reason.
SHARED = {
    "clinics_clinic": "the list of tenants: no person, no health data",
    "alerts_unreadwrites": "how many refused requests could not be read: no person, no clinic",
    "alerts_heartbeat": "whether worker and watch are at work: no person, asked before anybody is known",
    "access_consenttext": "the words in which consent is asked, the same for all",
    "accounts_user": "who can sign in, asked before anybody is known; names stand behind row-level security",
    "accounts_formeremail": "addresses of who can sign in, encrypted; asked before anybody is known",
    "accounts_throttlecount": "sign-in: keyed hashes of who tried, counted before anybody is known",
    "accounts_knowndevice": "sign-in: keyed hashes of account and device, asked before anybody is known",
    "keys_keyfingerprint": "keyed hashes of the keys in the settings: no person; asked when a process starts",
    "keys_masterkey": "names of master keys: no person, no health data; the keys stand elsewhere",
    "instruments_instrument": "the catalogue, the same for all",
    "instruments_version": "the catalogue, the same for all",
    "records_epoch": "the age of the world, the same for all",
    "account_emailaddress": "sign-in: asked before anybody is known",
    "account_emailconfirmation": "sign-in: asked before anybody is known",
    "accounts_session": "sign-in: hashed keys and encrypted content, asked before anybody is known",
    "mfa_authenticator": "sign-in: second factors, encrypted secrets; asked before the context is set",
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


def assert_removal_is_refused(model: type[Model]) -> None:
    """No row goes, whoever asks: the application's role lacks the right."""
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        rows(f'DELETE FROM "{model._meta.db_table}"')


def push(patient: Patient, *items: dict[str, Any]) -> None:
    """Let the patient's phone send, and forget the context."""
    assert patient.user_id
    principal = load_principal(patient.user_id, factories.MONDAY)
    ingest.apply_batch(principal=principal, sent=None, items=list(items), at=factories.MONDAY)
    rls.reset()


def test_every_table_has_row_level_security_or_is_listed_with_a_reason(db):
    tables = rows(
        "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class"
        " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
    )
    bare = {name for name, on, forced in tables if not (on and forced)}

    assert bare == set(SHARED)


def test_every_command_on_every_table_with_row_level_security_has_one_condition_that_names_the_context(db):
    tables = rows(
        "SELECT relname FROM pg_class WHERE relrowsecurity AND relnamespace = 'public'::regnamespace"
    )
    policies = rows(
        "SELECT tablename, cmd, permissive, qual, with_check FROM pg_policies WHERE schemaname = 'public'"
    )

    for (table,) in tables:
        own = [rule for rule in policies if rule[0] == table]
        # A second permissive policy would widen the first, and a role's own would hide here: one for each, no more.
        assert sorted(cmd for _, cmd, *_ in own) in (["ALL"], ["DELETE", "INSERT", "SELECT", "UPDATE"]), table
        for _, cmd, permissive, using, check in own:
            assert permissive == "PERMISSIVE"
            conditions = {"SELECT": [using], "DELETE": [using], "INSERT": [check]}.get(cmd, [using, check])
            assert all(condition and "app.clinic" in condition for condition in conditions), (table, cmd)
            # What may be changed may not be changed into what may not.
            assert len(set(conditions)) == 1, (table, cmd)
            unneeded = {"SELECT": check, "DELETE": check, "INSERT": using}.get(cmd)
            assert unneeded is None, (table, cmd)


def test_no_row_policy_is_for_one_role_only(db):
    assert rows("SELECT DISTINCT roles::text FROM pg_policies WHERE schemaname = 'public'") == [("{public}",)]


def test_no_view_and_no_definer_function_bypasses_row_level_security(db):
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
            " AND confrelid = 'clinics_patient'::regclass AND array_length(conkey, 1) = 2"
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


# Keys between two tables of tenants that name no clinic, each with its reason.
KEYS_WITHOUT_CLINIC: dict[tuple[str, str], str] = {}


def test_every_key_between_two_tenants_tables_is_held_to_one_clinic(db):
    """A foreign-key check steps around row security: alone, it would let a row point into another clinic."""
    with_clinic = {
        name
        for (name,) in rows(
            "SELECT attrelid::regclass::text FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid"
            " WHERE attname = 'clinic_id' AND relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
    }
    keys = rows(
        "SELECT conrelid::regclass::text, ARRAY(SELECT attname::text FROM unnest(conkey) AS key (place)"
        " JOIN pg_attribute ON attrelid = conrelid AND attnum = key.place), confrelid::regclass::text"
        " FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace"
    )
    tenants = [key for key in keys if key[0] in with_clinic and key[2] in with_clinic]
    held = {(table, column) for table, columns, _ in tenants if "clinic_id" in columns for column in columns}
    alone = {(table, columns[0]) for table, columns, _ in tenants if columns != ["clinic_id"]} - held

    assert len(tenants) > 20
    assert alone == set(KEYS_WITHOUT_CLINIC)


def test_row_level_security_without_a_context_shows_no_rows(world):
    assert not Patient.objects.exists()
    assert not StaffMember.objects.exists()
    assert not CareTeam.objects.exists()


def test_row_level_security_shows_a_patient_only_herself_without_any_filter(world):
    load_principal(world.ada.user_id, factories.MONDAY)

    assert list(Patient.objects.values_list("pk", flat=True)) == [world.ada.pk]


def test_row_level_security_shows_a_clinician_only_her_teams_patients_without_any_filter(world):
    load_principal(world.ben.user_id, factories.MONDAY)
    assert list(Patient.objects.values_list("pk", flat=True)) == [world.ada.pk]

    load_principal(world.finn.user_id, factories.MONDAY)
    assert list(Patient.objects.values_list("pk", flat=True)) == [world.gus.pk]


def test_row_level_security_shows_an_administrator_no_patient(world):
    principal = load_principal(world.eve.user_id, factories.MONDAY)

    assert not principal.patients
    assert not Patient.objects.exists()


def test_row_level_security_refuses_a_row_for_somebody_elses_patient(world):
    load_principal(world.ada.user_id, factories.MONDAY)

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        Observation.objects.create(
            clinic_id=world.clinic.pk, patient_id=world.bea.pk, source_id=uuid.uuid4(), source_kind="pain",
            measure="pain.intensity", category="PAIN", local_date="2026-03-02", at=factories.MONDAY, value=3,
        )  # fmt: skip


def test_a_row_level_security_context_ends_with_its_transaction(live):
    with transaction.atomic():
        load_principal(live.world.ada.user_id, factories.MONDAY)
        assert Patient.objects.exists()

    with transaction.atomic():
        assert not Patient.objects.exists()


def test_setting_the_rls_context_outside_a_transaction_is_refused(live):
    with pytest.raises(RuntimeError, match="transaction"):
        load_principal(live.world.ada.user_id, factories.MONDAY)
    with pytest.raises(RuntimeError, match="transaction"), rls.as_clinic(uuid.uuid4()):
        pass


@pytest.mark.parametrize("who", ["ada", "ben"])
def test_row_level_security_shows_a_disabled_account_nothing(world, who):
    person = getattr(world, who)
    push(world.ada, factories.pain(4))
    load_principal(person.user_id, factories.MONDAY)
    assert PainEntry.objects.exists()
    assert type(person).objects.filter(pk=person.pk).exists()

    person.user.is_active = False
    person.user.save()

    with pytest.raises(InactiveUser):
        load_principal(person.user_id, factories.MONDAY)
    for model in (Patient, StaffMember, CareTeam, PainEntry, Observation, Message):
        assert not model.objects.exists(), model


def test_row_level_security_lets_a_patient_read_her_team_and_change_none_of_it(world):
    load_principal(world.ada.user_id, factories.MONDAY)
    assert CareTeam.objects.count() == 2
    assert TeamMembership.objects.count() == 3

    assert StaffMember.objects.filter(pk=world.eve.pk).update(name="Nobody") == 0
    assert TeamMembership.objects.update(ends_at=factories.MONDAY) == 0
    assert CareTeam.objects.update(name="Nobody") == 0
    assert Patient.objects.filter(pk=world.ada.pk).update(care_team=world.bea.care_team) == 0
    for model in (TeamMembership, StaffMember, CareTeam, Patient):
        assert_removal_is_refused(model)


@pytest.mark.parametrize("who", ["ada", "cleo", "eve"])
def test_row_level_security_lets_nobody_add_to_a_team_in_their_own_name(world, who):
    load_principal(getattr(world, who).user_id, factories.MONDAY)
    newcomer, here = factories.user("newcomer"), world.clinic.pk
    wanted = [
        TeamMembership(clinic_id=here, team=world.team, staff_member=world.eve, starts_at=factories.MONDAY),
        StaffMember(clinic_id=here, user=newcomer, name="New", role=Role.CLINICIAN),
        CareTeam(clinic_id=here, name="New"),
        Patient(
            clinic_id=here, user=newcomer, care_team=world.team, name="New", time_zone=factories.ZONE,
            enrolled_on=factories.MONDAY.date(),
        ),
    ]  # fmt: skip

    for row in wanted:
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            row.save(force_insert=True)


def test_row_level_security_lets_a_clinician_move_nobody_to_her_own_team(world):
    load_principal(world.cleo.user_id, factories.MONDAY)

    assert Patient.objects.update(care_team=world.team) == 0
    # Nor anybody else: these columns stay as they were inserted.
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        TeamMembership.objects.update(team=world.team)
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        StaffMember.objects.filter(pk=world.cleo.pk).update(role=Role.ADMINISTRATOR)


def test_row_level_security_hides_the_messages_of_her_alert_from_a_patient(world):
    push(world.ada, factories.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2]))
    with rls.as_clinic(world.clinic.pk):
        told = Message.objects.count()
    assert told

    load_principal(world.ada.user_id, factories.MONDAY)
    assert not Message.objects.exists()
    assert Message.objects.update(withdrawn_at=factories.MONDAY) == 0
    assert_removal_is_refused(Message)

    rls.reset()
    with rls.as_clinic(world.clinic.pk):
        assert Message.objects.filter(withdrawn_at=None).count() == told


def test_row_level_security_shows_a_message_to_its_recipient_and_lets_nobody_remove_it(world):
    send = {
        "clinic_id": world.clinic.pk,
        "words": "check-in",
        "subject": "check_in/1",
        "due_at": factories.MONDAY,
    }
    load_principal(world.ada.user_id, factories.MONDAY)
    outbox.enqueue(recipients=[world.ada.user_id], key="hers", **send)
    outbox.enqueue(recipients=[world.bea.user_id], key="another's", **send)
    assert outbox.enqueue(recipients=[world.bea.user_id], key="another's", **send) == 0

    assert set(Message.objects.values_list("recipient_id", flat=True)) == {world.ada.user_id}
    assert Message.objects.update(read_at=factories.MONDAY) == 2
    assert_removal_is_refused(Message)
    # Nor can what is hers be made somebody else's.
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        Message.objects.update(recipient=world.bea.user)


def test_who_is_on_no_team_takes_no_message_back(world):
    push(world.ada, factories.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2]))
    load_principal(world.eve.user_id, factories.MONDAY)

    assert Message.objects.update(withdrawn_at=factories.MONDAY) == 0
    assert_removal_is_refused(Message)

    load_principal(world.ben.user_id, factories.MONDAY)
    assert_removal_is_refused(Message)


@pytest.mark.parametrize("who", ["ada", "ben", "eve"])
def test_everybody_writes_audit_events_and_nobody_changes_them_or_reads_what_is_not_about_them(world, who):
    person = getattr(world, who)
    load_principal(person.user_id, factories.MONDAY)
    audit.record_event(
        actor="user/1", action="try", subject="x", clinic_id=world.clinic.pk, at=factories.MONDAY
    )

    assert not AuditEvent.objects.exclude(patient=world.ada.pk).exists()
    assert who == "ada" or not AuditEvent.objects.exists()
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        AuditEvent.objects.update(actor="user/2")
    assert_removal_is_refused(AuditEvent)
    with pytest.raises(audit.EventNotWritten) as refused, transaction.atomic():
        audit.record_event(
            actor="user/1", action="try", subject="x", clinic_id=world.other_clinic.pk, at=factories.MONDAY
        )
    assert "row-level security" in str(refused.value.__cause__)
    rls.reset()
    with rls.as_clinic(world.clinic.pk):
        assert AuditEvent.objects.filter(action="try", actor="user/1").count() == 1

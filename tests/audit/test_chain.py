"""Every event has its place in its clinic's chain, and nobody with the application's rights can move it."""

import threading
from collections import Counter
from datetime import timedelta

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.db.utils import IntegrityError

from tests import factories
from tests.audit.conftest import leave_trace, report
from tests.rls_context import as_clinic
from tracker.audit import actions as audit
from tracker.audit import anchoring, chain
from tracker.audit.models import SYSTEM, AuditEvent, ChainHead, ChainLink
from tracker.clinics.models import Patient


def links(clinic_id) -> list[int]:
    with as_clinic(clinic_id):
        return list(
            ChainLink.objects.filter(clinic_id=clinic_id).order_by("seq").values_list("seq", flat=True)
        )


def test_each_clinic_numbers_its_own_audit_events_without_a_gap(audited):
    for clinic_id in (audited.world.clinic.pk, audited.world.other_clinic.pk, SYSTEM):
        assert links(clinic_id) == list(range(1, 13))


def test_a_rolled_back_transaction_leaves_no_audit_event_and_no_gap(live):
    here = live.world.clinic.pk
    leave_trace(here, 2)
    with as_clinic(here):
        audit.record_event(actor="user/1", action="try", subject="x", clinic_id=here, at=factories.MONDAY)
        transaction.set_rollback(True)
    leave_trace(here)

    assert links(here) == [1, 2, 3]
    anchoring.anchor_all(at=factories.MONDAY)
    assert report(live).problems == []


def test_a_transaction_whose_audit_event_cannot_be_linked_is_rolled_back(live):
    here = live.world.clinic.pk
    as_owner(live, "ALTER TABLE audit_chainlink RENAME TO audit_chainlink_away")
    try:
        with pytest.raises(DatabaseError):
            rename_and_note(live)
    finally:
        as_owner(live, "ALTER TABLE audit_chainlink_away RENAME TO audit_chainlink")

    with as_clinic(here):
        assert not AuditEvent.objects.exists()
        assert Patient.objects.get(pk=live.world.ada.pk).name == "Ada"


@transaction.atomic
def rename_and_note(live) -> None:
    with as_clinic(live.world.clinic.pk):
        Patient.objects.filter(pk=live.world.ada.pk).update(name="Changed")
        leave_trace(live.world.clinic.pk)


def as_owner(live, sql: str) -> None:
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as held:
        held.execute(sql)


FORGERIES = [
    ("UPDATE audit_chainhead SET hash = decode(repeat('11', 32), 'hex')", "permission denied"),
    ("UPDATE audit_chainhead SET seq = 0", "permission denied"),
    ("UPDATE audit_chainhead SET event_id = 0", "moves on to an event of its clinic"),
    ("DELETE FROM audit_chainhead", "permission denied"),
    ("TRUNCATE audit_chainhead", "permission denied"),
    ("UPDATE audit_chainlink SET hash = ''", "permission denied"),
    ("DELETE FROM audit_chainlink", "permission denied"),
    ("TRUNCATE audit_chainlink", "permission denied"),
    ("INSERT INTO audit_chainlink SELECT clinic_id, seq + 1, event_id + 1000, hash FROM audit_chainhead",
     "made by its head"),
    ("INSERT INTO audit_chainlink SELECT clinic_id, seq, event_id, hash FROM audit_chainhead", "duplicate key"),
    ("INSERT INTO audit_auditevent (id, clinic_id) SELECT 1, clinic_id FROM audit_chainhead", "permission denied"),
    ("UPDATE audit_auditevent SET actor = 'x'", "permission denied"),
    ("DELETE FROM audit_auditevent", "permission denied"),
    ("TRUNCATE audit_auditevent", "permission denied"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "why"), FORGERIES)
def test_the_application_role_can_forge_nothing_of_the_audit_chain(live, sql, why):
    here = live.world.clinic.pk
    leave_trace(here, 3)

    with pytest.raises(DatabaseError, match=why), as_clinic(here):
        connection.cursor().execute(sql)

    anchoring.anchor_all(at=factories.MONDAY)
    assert report(live).problems == []
    assert links(here) == [1, 2, 3]


def test_a_new_audit_chain_head_begins_at_zero_whatever_is_inserted(live):
    here = live.world.clinic.pk
    with as_clinic(here):
        ChainHead.objects.create(clinic_id=here, seq=7, event_id=7, hash=b"7" * 32, moved_at=factories.MONDAY)
    leave_trace(here)

    assert links(here) == [1]
    anchoring.anchor_all(at=factories.MONDAY)
    assert report(live).problems == []


def test_the_append_only_trigger_refuses_the_owner_of_audit_events_too(live):
    leave_trace(live.world.clinic.pk)
    with psycopg.connect(live.environment["DATABASE_OWNER_URL"]) as held:
        for table in ("audit_auditevent", "audit_chainlink", "audit_chainhead"):
            held.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
            for change in (f"DELETE FROM {table}", f"TRUNCATE {table}"):
                with pytest.raises(psycopg.Error, match="append-only"), held.transaction():
                    held.execute(change)


def test_an_audit_event_is_linked_once(live):
    here = live.world.clinic.pk
    leave_trace(here, 2)

    with pytest.raises(IntegrityError, match="event_linked_once"), as_clinic(here):
        connection.cursor().execute(
            "UPDATE audit_chainhead SET event_id = (SELECT min(id) FROM audit_auditevent WHERE clinic_id = %s)",
            [here],
        )


def test_the_result_of_an_audit_event_is_done_or_refused(world):
    with as_clinic(world.clinic.pk):
        for result in ("DONE", "REFUSED"):
            audit.record_event(
                actor="x",
                action="x",
                subject="x",
                clinic_id=world.clinic.pk,
                at=factories.MONDAY,
                result=result,
            )
        with pytest.raises(audit.EventNotWritten) as refused, transaction.atomic():
            audit.record_event(
                actor="x",
                action="x",
                subject="x",
                clinic_id=world.clinic.pk,
                at=factories.MONDAY,
                result="ELSE",
            )
    assert "event_result_is_known" in str(refused.value.__cause__)


def test_one_transaction_may_extend_the_audit_chains_of_two_clinics(live):
    here, there = live.world.clinic.pk, live.world.other_clinic.pk
    with transaction.atomic():
        for clinic_id in (here, there, here):
            with as_clinic(clinic_id):
                audit.record_event(
                    actor="operator", action="try", subject="x", clinic_id=clinic_id, at=factories.MONDAY
                )

    assert (links(here), links(there)) == ([1, 2], [1])
    anchoring.anchor_all(at=factories.MONDAY)
    assert report(live).problems == []


def test_row_level_security_hides_the_audit_chain_of_another_clinic(live):
    leave_trace(live.world.other_clinic.pk, 2)

    with as_clinic(live.world.clinic.pk):
        assert not ChainLink.objects.exists()
        assert not ChainHead.objects.exists()


def test_no_two_audit_events_have_the_same_bytes():
    assert chain.length_prefixed(None) != chain.length_prefixed("")
    assert chain.length_prefixed("ab") + chain.length_prefixed("c") != chain.length_prefixed(
        "a"
    ) + chain.length_prefixed("bc")
    assert chain.length_prefixed("ä")[:4] == (2).to_bytes(4, "big")


def write_together(live, writers: int, each: int) -> None:
    """Many connections at once, for three chains; every tenth act is undone."""
    chains = [live.world.clinic.pk, live.world.other_clinic.pk, SYSTEM]
    failures: list[BaseException] = []

    def act(number: int) -> None:
        try:
            for n in range(each):
                clinic_id = chains[(number + n) % 3]
                with as_clinic(clinic_id):
                    audit.record_event(
                        actor=f"user/{number}",
                        action="try",
                        subject=str(n),
                        clinic_id=clinic_id,
                        at=factories.MONDAY,
                    )
                    if n % 10 == 9:
                        transaction.set_rollback(True)
        except BaseException as problem:
            failures.append(problem)
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    round_ = 0
    while any(thread.is_alive() for thread in threads):
        # While they write: anchors and verification at every moment, and never a false alarm.
        round_ += 1
        anchoring.anchor_all(at=factories.MONDAY + timedelta(seconds=round_))
        assert report(live).problems == []
    for thread in threads:
        thread.join()
    assert failures == []


def check_together(live, writers: int, each: int) -> None:
    write_together(live, writers, each)

    found = report(live)
    assert (found.problems, found.events) == ([], writers * (each - each // 10))
    counts = Counter(
        {str(c): len(links(c)) for c in (live.world.clinic.pk, live.world.other_clinic.pk, SYSTEM)}
    )
    assert counts.total() == found.events


def test_an_audit_chain_with_many_writers_at_once_verifies(live):
    check_together(live, writers=8, each=20)


@pytest.mark.full
def test_an_audit_chain_of_32_writers_and_over_5000_events_verifies(live):
    check_together(live, writers=32, each=180)

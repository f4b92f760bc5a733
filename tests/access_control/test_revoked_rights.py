"""Rights revoked while somebody reads: no read that begins after the commit finds anything."""

import threading
import uuid

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests import factories
from tests.rls_context import as_clinic
from tests.servers import wait_until
from tracker.access.policy import EVERYTHING
from tracker.access.principal import load_principal
from tracker.clinics.models import TeamMembership
from tracker.records.kinds.pain import PainEntry
from tracker.sync import ingest

NOW = factories.MONDAY


def look(user_id: uuid.UUID, patient_id: uuid.UUID) -> bool:
    """One request's read, in a transaction of its own, with no filter of the application."""
    with transaction.atomic():
        load_principal(user_id, timezone.now())
        return PainEntry.objects.filter(patient_id=patient_id).exists()


def race(live, n: int) -> list[str]:
    """
    Take Ben off the team, or the pain from him, while he reads all the time; return what went wrong.

    A read that began after the change was committed must find nothing; one before must find the row.
    """
    wrong, over = [], threading.Event()
    committed = threading.Event()
    began: list[tuple[bool, bool]] = []

    def read() -> None:
        try:
            while not over.is_set():
                late = committed.is_set()
                began.append((late, look(live.world.ben.user_id, live.world.ada.pk)))
        finally:
            connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: began or not reader.is_alive(), what="the first read")
    change(live, n, off=True)
    committed.set()
    seen = len(began)
    wait_until(lambda: len(began) >= seen + 3 or not reader.is_alive(), what="a read after the change")
    over.set()
    reader.join()
    if not began[0][1]:
        wrong.append(f"race {n}: nothing was seen before")
    wrong += [f"race {n}: a stale read" for late, found in began if late and found]
    change(live, n, off=False)
    return wrong


@transaction.atomic
def change(live, n: int, *, off: bool) -> None:
    world = live.world
    if n % 2:
        factories.share(world.ada, world.team, [] if off else EVERYTHING, timezone.now())
        return
    with as_clinic(world.clinic.pk):
        own = TeamMembership.objects.filter(staff_member=world.ben, team=world.team)
        own.update(ends_at=timezone.now() if off else None)


def pushed(live) -> None:
    with transaction.atomic():
        principal = load_principal(live.world.ada.user_id, NOW)
        ingest.apply_batch(principal=principal, sent=None, items=[factories.pain(4)], at=NOW)


def test_no_read_that_begins_after_a_right_was_revoked_finds_anything(live):
    pushed(live)

    assert [problem for n in range(8) for problem in race(live, n)] == []


@pytest.mark.full
def test_two_hundred_races_leave_no_stale_read(live):
    pushed(live)

    assert [problem for n in range(200) for problem in race(live, n)] == []

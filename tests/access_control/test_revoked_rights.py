"""Rights revoked while somebody reads: no read that begins after the commit finds anything."""

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from tests import factories
from tests.conftest import Live
from tests.phone import Phone
from tests.rls_context import act_as, as_clinic
from tests.servers import wait_until
from tracker.access import caregivers, devices
from tracker.access.policy import EVERYTHING, Category
from tracker.access.principal import InactiveUser, load_principal, with_session
from tracker.accounts import sessions
from tracker.accounts.models import AccountKind, User
from tracker.clinics.models import TeamMembership
from tracker.records.kinds.journal import JournalEntry
from tracker.records.kinds.pain import PainEntry
from tracker.sync import ingest

NOW = factories.MONDAY


@dataclass
class Right:
    """A right to Ada's record: how it is given and revoked, and one read under it, in a transaction of its own."""

    give: Callable[[], object]
    revoke: Callable[[], object]
    read: Callable[[], bool]


def look(user_id: uuid.UUID, model: Any = PainEntry) -> bool:
    """One request's read, in a transaction of its own, with no filter of the application."""
    with transaction.atomic():
        try:
            load_principal(user_id, timezone.now())
        except InactiveUser:
            return False
        return bool(model.objects.exists())


def on_the_team(live: Live) -> Right:
    world = live.world

    membership = {"clinic_id": world.clinic.pk, "staff_member": world.ben, "team": world.team}

    def join() -> None:
        with as_clinic(world.clinic.pk):
            if not TeamMembership.objects.active(timezone.now()).filter(**membership).exists():
                TeamMembership.objects.create(**membership, starts_at=timezone.now())

    def leave() -> None:
        with as_clinic(world.clinic.pk):
            at = timezone.now()
            TeamMembership.objects.active(at).filter(**membership).update(ends_at=at)

    return Right(join, leave, lambda: look(world.ben.user_id))


def by_consent(live: Live) -> Right:
    world = live.world
    return Right(
        lambda: factories.share(world.ada, world.team, EVERYTHING, timezone.now()),
        lambda: factories.share(world.ada, world.team, [], timezone.now()),
        lambda: look(world.ben.user_id),
    )


def as_caregiver(live: Live) -> Right:
    world, carl = live.world, factories.user(f"carl-{uuid.uuid4()}", AccountKind.CAREGIVER)
    given: list[uuid.UUID] = []

    def give() -> None:
        made = factories.caregiver(world.ada, carl, Category.PAIN, at=timezone.now())
        given.append(made.pk)

    def revoke() -> None:
        caregivers.revoke(principal=act_as(world.ada), caregiver_id=given[-1], at=timezone.now())

    return Right(give, revoke, lambda: look(carl.pk))


def on_a_device(live: Live) -> Right:
    user: User | None = live.world.ada.user
    phones: list[Phone] = []

    def revoke() -> None:
        phone = phones[-1]
        principal = with_session(act_as(live.world.ada), authenticated_at=None, device_id=phone.device)
        devices.retire(principal=principal, device_id=phone.device, at=timezone.now())

    def read() -> bool:
        held = sessions.load_token(phones[-1].token, timezone.now())
        return held is not None and look(held.user_id or uuid.UUID(int=0))

    return Right(lambda: phones.append(Phone(user)), revoke, read)


def of_a_page(live: Live) -> Right:
    world, page = live.world, factories.record("journal", {"text": "for you"})
    revision = 0

    def push(share: str) -> None:
        nonlocal revision
        revision += 1
        sent = page | {"revision": revision, "data": {"text": "for you", "share": share}}
        ingest.apply_batch(principal=act_as(world.ada), sent=None, items=[sent], at=timezone.now())

    return Right(lambda: push("entry"), lambda: push("none"), lambda: look(world.ben.user_id, JournalEntry))


RIGHTS = [on_the_team, by_consent, as_caregiver, on_a_device, of_a_page]


def race(right: Right) -> list[str]:
    """
    Give the right, and revoke it while somebody reads all the time; return what went wrong.

    A read that began after the revocation was committed must find nothing; one before must find the row.
    """
    wrong, over = [], threading.Event()
    committed = threading.Event()
    began: list[tuple[bool, bool]] = []

    def read() -> None:
        try:
            while not over.is_set():
                late = committed.is_set()
                began.append((late, right.read()))
        finally:
            connection.close()

    transaction.atomic(right.give)()
    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: began or not reader.is_alive(), what="the first read")
    transaction.atomic(right.revoke)()
    committed.set()
    seen = len(began)
    wait_until(lambda: len(began) >= seen + 3 or not reader.is_alive(), what="a read after the change")
    over.set()
    reader.join()
    if not began[0][1]:
        wrong.append("nothing was seen before")
    return wrong + ["a stale read" for late, found in began if late and found]


def pushed(live: Live) -> None:
    with transaction.atomic():
        principal = act_as(live.world.ada)
        ingest.apply_batch(principal=principal, sent=None, items=[factories.pain(4)], at=NOW)


@pytest.mark.parametrize("kind", RIGHTS)
def test_no_read_that_begins_after_a_right_was_revoked_finds_anything(live, kind):
    pushed(live)
    right = kind(live)

    assert [problem for _ in range(4) for problem in race(right)] == []


@pytest.mark.full
@pytest.mark.parametrize("kind", RIGHTS)
def test_two_hundred_races_leave_no_stale_read(live, kind):
    pushed(live)
    right = kind(live)

    assert [problem for _ in range(200 // len(RIGHTS)) for problem in race(right)] == []

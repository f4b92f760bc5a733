"""The change counter: numbers and bytes are reserved under its lock, and given back when they are not used."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from tests import factories
from tracker.lib import rls
from tracker.records import change_counter

Owner = tuple[UUID, UUID]


@pytest.fixture
def owner(world: factories.World) -> Iterator[Owner]:
    """The ids of Ada's clinic and of Ada, in a job on her record."""
    with rls.as_patient(world.clinic.pk, world.ada.pk):
        yield world.clinic.pk, world.ada.pk


def test_a_reservation_has_the_next_numbers_and_what_is_stored_with_it(owner: Owner):
    with change_counter.reserve(*owner, count=3, stored_bytes=100) as first:
        assert (first.first, first.last, first.stored_bytes) == (1, 3, 100)
    with change_counter.reserve(*owner, count=2, stored_bytes=50) as second:
        assert (second.first, second.last, second.stored_bytes) == (4, 5, 150)


def test_a_reservation_gives_back_bytes_and_its_last_numbers(owner: Owner):
    with change_counter.reserve(*owner, count=3, stored_bytes=100) as reservation:
        reservation.release(stored_bytes=30)
        reservation.release(count=1)
        assert (reservation.last, reservation.stored_bytes) == (2, 70)

    with change_counter.reserve(*owner, count=1, stored_bytes=0) as following:
        assert (following.first, following.stored_bytes) == (3, 70)


def test_a_cancelled_reservation_leaves_the_counter_as_it_was(owner: Owner):
    with change_counter.reserve(*owner, count=2, stored_bytes=10):
        pass
    with change_counter.reserve(*owner, count=5, stored_bytes=500) as reservation:
        reservation.release(stored_bytes=20)
        reservation.cancel()

    assert change_counter.advance(*owner, 0) == change_counter.Position(2, 10)


def test_the_lock_gives_the_last_number_and_none_where_nothing_has_changed(owner: Owner):
    assert change_counter.lock(owner[1]) is None

    change_counter.advance(*owner, 4)

    assert change_counter.lock(owner[1]) == change_counter.lock(owner[1], wait=False) == 4

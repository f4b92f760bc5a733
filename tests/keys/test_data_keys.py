"""A patient's own key: one per patient, opened only with the master key and only in its own row."""

import os
from uuid import UUID

import pytest

from tests import factories
from tests.concurrency import run_concurrently
from tests.rls_context import as_clinic
from tracker.keys import data_keys
from tracker.keys.models import DataKey
from tracker.lib import encryption

NOW = factories.MONDAY


@pytest.fixture
def inside(world: factories.World):
    with as_clinic(world.clinic.pk):
        yield world


def key_of(world: factories.World, patient) -> tuple[UUID, bytes]:
    return data_keys.data_key_for(world.clinic.pk, patient.pk, NOW)


def test_each_patient_has_one_data_key_of_their_own(inside):
    first, again, other = key_of(inside, inside.ada), key_of(inside, inside.ada), key_of(inside, inside.bea)

    assert first == again
    assert first[1] != other[1]
    assert len(first[1]) == 32
    assert DataKey.objects.count() == 2


def test_a_data_key_is_encrypted_in_the_database(inside):
    _, key = key_of(inside, inside.ada)

    row = DataKey.objects.get()
    assert key not in bytes(row.wrapped)
    assert key.hex() not in f"{row} {row!r}"


def test_another_master_key_decrypts_no_data_key(inside, settings):
    key_of(inside, inside.ada)
    settings.MASTER_KEY = os.urandom(32)

    with pytest.raises(encryption.DecryptionError):
        key_of(inside, inside.ada)


def test_a_data_key_copied_to_another_patients_row_cannot_be_decrypted(inside):
    key_of(inside, inside.ada)
    key_of(inside, inside.bea)
    stolen = DataKey.objects.get(patient=inside.ada).wrapped
    DataKey.objects.filter(patient=inside.bea).update(wrapped=stolen)

    with pytest.raises(encryption.DecryptionError):
        key_of(inside, inside.bea)


@pytest.mark.parametrize("place", [0, 1, 20, -1])
def test_a_data_key_with_one_bit_changed_raises_and_decrypts_to_nothing(inside, place):
    key_of(inside, inside.ada)
    row = DataKey.objects.get()
    changed = bytearray(row.wrapped)
    changed[place] ^= 1
    DataKey.objects.update(wrapped=bytes(changed))

    with pytest.raises(encryption.DecryptionError):
        key_of(inside, inside.ada)


def test_two_requests_at_once_make_one_data_key(live):
    world = live.world

    def first_page():
        with as_clinic(world.clinic.pk):
            return key_of(world, world.ada)

    made = run_concurrently(*[first_page] * 6)

    assert len(set(made)) == 1
    assert isinstance(made[0], tuple)

"""The patients' data keys: made when first needed, wrapped by the master key, never stored bare."""

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, OperationalError

from tracker.keys.models import DataKey, EncryptedText, MasterKey
from tracker.lib import encryption

Row = TypeVar("Row", bound=EncryptedText)


class RetiredMasterKey(OperationalError):
    """
    This process still runs with a master key that was retired: nothing can be encrypted until it is restarted.

    An error of operations and of no record: whoever asked is told to try again (503), and nothing is refused for good.
    """


def _bound(patient_id: UUID, key_id: UUID, master_key_id: str) -> bytes:
    return encryption.associated_data("keys_datakey", "wrapped", key_id, patient_id, master_key_id)


def data_key_for(clinic_id: UUID, patient_id: UUID, at: datetime) -> tuple[UUID, bytes]:
    """
    Return (key id, key) to encrypt the patient's free text with; make it if there is none yet.

    The row stays locked to the end of the transaction: what is encrypted now is there before a rotation replaces
    the key.
    """
    row = _current(patient_id) or _make(clinic_id, patient_id, at)
    return row.pk, unwrap(row)


def decrypt_all(rows: Iterable[Row]) -> list[tuple[Row, str]]:
    """
    Return each row with its text. Read the rows with ``select_related("key")``: row and key as of one instant.

    :raises encryption.DecryptionError: if one of them cannot be opened.
    """
    keys: dict[UUID, bytes] = {}
    opened = []
    for row in rows:
        key = keys.get(row.key_id) or keys.setdefault(row.key_id, unwrap(row.key))
        opened.append(
            (row, encryption.decrypt(key, bytes(row.ciphertext), row.own_associated_data()).decode())
        )
    return opened


def unwrap(row: DataKey) -> bytes:
    """
    Return the key itself.

    :raises encryption.DecryptionError: if we do not have its master key, or it is not this row's.
    """
    ring = settings.MASTER_KEYS_OLD | {settings.MASTER_KEY_ID: settings.MASTER_KEY}
    if row.master_key_id not in ring:
        raise encryption.DecryptionError("wrapped by a master key that is not here")
    bound = _bound(row.patient_id, row.pk, row.master_key_id)
    return encryption.decrypt(ring[row.master_key_id], bytes(row.wrapped), bound)


def rewrap(row: DataKey) -> bytes:
    """Return the same key, wrapped by today's master key."""
    bound = _bound(row.patient_id, row.pk, settings.MASTER_KEY_ID)
    return encryption.encrypt(settings.MASTER_KEY, unwrap(row), bound)


def new_data_key(clinic_id: UUID, patient_id: UUID, at: datetime) -> DataKey:
    """Return a new key of the patient, not yet stored."""
    key_id, master = uuid4(), settings.MASTER_KEY_ID
    wrapped = encryption.encrypt(
        settings.MASTER_KEY, encryption.new_key(), _bound(patient_id, key_id, master)
    )
    return DataKey(
        id=key_id, clinic_id=clinic_id, patient_id=patient_id, master_key_id=master, made_under=master,
        wrapped=wrapped, made_at=at,
    )  # fmt: skip


def register_master_key() -> None:
    """Let data keys refer to today's master key. A name that was closed stays closed."""
    MasterKey.objects.bulk_create([MasterKey(id=settings.MASTER_KEY_ID)], ignore_conflicts=True)


def _current(patient_id: UUID) -> DataKey | None:
    current = DataKey.objects.filter(patient_id=patient_id, replaced_at__isnull=True)
    return current.select_for_update(no_key=True).first()


def _make(clinic_id: UUID, patient_id: UUID, at: datetime) -> DataKey:
    register_master_key()
    # Two requests at once: the second finds the first one's key, so both encrypt with the same.
    try:
        DataKey.objects.bulk_create([new_data_key(clinic_id, patient_id, at)], ignore_conflicts=True)
        # In a pipeline the insert's refusal comes with the next answer.
        row = _current(patient_id)
    except IntegrityError as problem:
        if "open_master_key" in str(problem):
            raise RetiredMasterKey from None
        raise
    assert row is not None
    return row

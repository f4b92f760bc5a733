"""The patients' data keys: made when first needed, wrapped by the master key, never stored bare."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import IntegrityError, OperationalError

from tracker.keys.models import DataKey, EncryptedText, KeyFingerprint, MasterKey
from tracker.lib import encryption, logs

log = logs.get(__name__)
# A line of the log names this many rows, and how many there are in all.
_MOST_ROWS = 20

Row = TypeVar("Row", bound=EncryptedText)


class RetiredMasterKey(OperationalError):
    """
    This process still runs with a master key that was retired: nothing can be encrypted until it is restarted.

    An error of operations and of no record: whoever asked is told to try again (503), and nothing is refused for good.
    """


class MissingMasterKey(encryption.DecryptionError):
    """A data key is wrapped by a master key that is not in the settings: a mistake of operations, and of no row."""


def _bound(patient_id: UUID, key_id: UUID, master_key_id: str) -> bytes:
    return encryption.associated_data("keys_datakey", "wrapped", key_id, patient_id, master_key_id)


def data_key_for(clinic_id: UUID, patient_id: UUID, at: datetime) -> tuple[UUID, bytes]:
    """
    Return (key id, key) to encrypt the patient's free text with; make it if there is none yet.

    The row stays locked to the end of the transaction: what is encrypted now is there before a rotation replaces
    the key. A damaged one is replaced.

    :raises encryption.DecryptionError: if the master key is not the one that wrapped the patient's key.
    """
    row = _current(patient_id) or _make(clinic_id, patient_id, at)
    key = _unwrapped(row)
    if key is None:
        # What this key encrypted stays unreadable until its bytes are back; what is written now is not to join it.
        DataKey.objects.filter(pk=row.pk).update(replaced_at=at)
        row = _make(clinic_id, patient_id, at)
        key = unwrap(row)
    return row.pk, key


def decrypt_all(rows: Iterable[Row]) -> list[tuple[Row, str]]:
    """
    Return each row with its text. Read the rows with ``select_related("key")``: row and key as of one instant.

    :raises encryption.DecryptionError: if one of them cannot be opened.
    """
    keys: dict[UUID, bytes] = {}
    opened = []
    for row in rows:
        key = keys.get(row.key_id) or keys.setdefault(row.key_id, unwrap(row.key))
        opened.append((row, _decrypt(row, key)))
    return opened


def decrypt_readable(rows: Iterable[Row]) -> tuple[list[tuple[Row, str]], list[Row]]:
    """
    Return the rows that can be decrypted, each with its text, and those that cannot; the log names these.

    For lists, in which one broken row is marked and all others are shown. Read the rows as for ``decrypt_all``.

    :raises encryption.DecryptionError: if a master key is not in the settings, or another one than the database knows.
    """
    keys: dict[UUID, bytes | None] = {}
    readable, unreadable = [], []
    for row in rows:
        if row.key_id not in keys:
            keys[row.key_id] = _unwrapped(row.key)
        try:
            text = _decrypt(row, keys[row.key_id])
        except encryption.DecryptionError:
            unreadable.append(row)
        else:
            readable.append((row, text))
    _report(unreadable)
    return readable, unreadable


def row_name(row: EncryptedText | DataKey) -> str:
    """Return the primary key of a row as operations find it in a log, such as ``patient/entry/revision``."""
    return "/".join(str(part) for part in (row.pk if isinstance(row.pk, tuple) else (row.pk,)))


def _decrypt(row: EncryptedText, key: bytes | None) -> str:
    if key is None:
        raise encryption.DecryptionError("its data key cannot be unwrapped")
    return encryption.decrypt(key, bytes(row.ciphertext), row.own_associated_data()).decode()


def _unwrapped(row: DataKey) -> bytes | None:
    """
    The key itself; None if its row is damaged, which the log tells.

    :raises encryption.DecryptionError: if the master key is not known to be the one that wrapped it.
    """
    try:
        return unwrap(row)
    except encryption.DecryptionError:
        if not _is_registered(row.master_key_id):
            raise
        _report([row])
        return None


def fingerprint(name: str, key: bytes) -> bytes:
    """Return what the database keeps of a key under its name (``KeyFingerprint``)."""
    return encryption.keyed_hash(key, f"interlude/key-fingerprint/{name}".encode())


def _is_registered(master_key_id: str) -> bool:
    """Whether the master key in the settings is the one that this database knows by that name."""
    name, key = f"master/{master_key_id}", _master_keys().get(master_key_id)
    return (
        key is not None
        and KeyFingerprint.objects.filter(pk=name, fingerprint=fingerprint(name, key)).exists()
    )


def _master_keys() -> dict[str, bytes]:
    return settings.MASTER_KEYS_OLD | {settings.MASTER_KEY_ID: settings.MASTER_KEY}


def _report(rows: Sequence[EncryptedText | DataKey]) -> None:
    if rows:
        log.error(
            "encrypted text unreadable", table=rows[0]._meta.db_table,
            rows=[row_name(row) for row in rows[:_MOST_ROWS]], count=len(rows),
        )  # fmt: skip


def unwrap(row: DataKey) -> bytes:
    """
    Return the key itself.

    :raises MissingMasterKey: if its master key is not in the settings.
    :raises encryption.DecryptionError: if it is not this row's.
    """
    ring = _master_keys()
    if row.master_key_id not in ring:
        raise MissingMasterKey("wrapped by a master key that is not here")
    bound = _bound(row.patient_id, row.pk, row.master_key_id)
    return encryption.decrypt(ring[row.master_key_id], bytes(row.wrapped), bound)


def rewrap(row: DataKey) -> bytes | None:
    """Return the same key, wrapped by today's master key; None if it cannot be unwrapped, which the log tells."""
    key = _unwrapped(row)
    bound = _bound(row.patient_id, row.pk, settings.MASTER_KEY_ID)
    return None if key is None else encryption.encrypt(settings.MASTER_KEY, key, bound)


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

"""
Rotating keys while everybody works: state decides what is left to do, so it may be killed and started again.

With a new master key in the settings (and the old one in ``MASTER_KEYS_OLD``), ``rotate`` wraps every data key
anew, gives every patient a new data key, and re-encrypts what the old ones encrypted; ``retire`` then removes the data
keys that encrypt nothing any more, and closes the old master key. Each step is one short transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils import timezone

from tracker.audit import actions as audit
from tracker.audit.models import SYSTEM
from tracker.keys import data_keys
from tracker.keys.models import DataKey, EncryptedText, KeyFingerprint, MasterKey
from tracker.lib import bulk, encryption, rls

BATCH = 200
Step = Callable[[Any, datetime], int]


class KeyInUse(Exception):
    """The key cannot be retired: something is wrapped or encrypted with it."""


@dataclass(slots=True)
class RotationProgress:
    """
    What was done, or is left to do: keys wrapped anew, keys replaced, texts re-encrypted.

    ``unreadable`` counts the keys and texts that a rotation could not decrypt and so left as they are.
    """

    wrapped: int = 0
    replaced: int = 0
    reencrypted: int = 0
    unreadable: int = 0

    @property
    def count(self) -> int:
        return self.wrapped + self.replaced + self.reencrypted

    @property
    def is_nothing(self) -> bool:
        return self.count == 0


def encrypted_models() -> list[type[EncryptedText]]:
    """Every table of encrypted texts, in whichever app."""
    return [model for model in apps.get_models() if issubclass(model, EncryptedText)]


def remaining(clinic_id: UUID) -> RotationProgress:
    """Return what a rotation of this clinic has still to do."""
    with transaction.atomic(), rls.as_clinic(clinic_id):
        due = RotationProgress(_to_wrap(clinic_id).count(), _to_replace(clinic_id).count())
        under_a_former_key = Q(key__replaced_at__isnull=False) | ~Q(key__made_under=settings.MASTER_KEY_ID)
        for model in encrypted_models():
            rows = model._default_manager.filter(under_a_former_key, clinic_id=clinic_id)
            due.reencrypted += rows.count()
    return due


def rotate(clinics: Iterable[UUID]) -> RotationProgress:
    """
    Do all that is left to do, clinic by clinic; return what was done.

    What cannot be decrypted is counted, named in the log, and left as it stands.
    """
    done = RotationProgress()
    with transaction.atomic():
        data_keys.register_master_key()
    for clinic_id in clinics:
        done.wrapped += _in_batches(clinic_id, _to_wrap(clinic_id), ("id",), rewrap_batch, done)
        done.replaced += _replace_all(clinic_id)
        for model in encrypted_models():
            due = _to_reencrypt(model, clinic_id).select_related("key")
            done.reencrypted += _in_batches(clinic_id, due, _row_key(model), reencrypt_batch, done)
    return done


def _in_batches(
    clinic_id: UUID, due: "models.QuerySet[Any]", key: tuple[str, ...], step: Step, done: RotationProgress
) -> int:
    """Take what is due through ``step``, each batch in a transaction; return how many rows were changed."""
    total, after = 0, Q()
    while True:
        with transaction.atomic(), rls.as_clinic(clinic_id):
            # On from the last batch, not from the start: what could not be decrypted stays due.
            rows = list(due.filter(after).order_by(*key).select_for_update(of=("self",))[:BATCH])
            if not rows:
                return total
            changed = step(rows, timezone.now())
            _audit(clinic_id, step.__name__, changed)
        total += changed
        done.unreadable += len(rows) - changed
        after = _after(key, rows[-1])


def _after(key: tuple[str, ...], row: Any) -> Q:
    """What comes after ``row`` in the order of ``key``."""
    later, alike = Q(), Q()
    for name in key:
        value = getattr(row, name)
        later |= alike & Q(**{f"{name}__gt": value})
        alike &= Q(**{name: value})
    return later


def _row_key(model: type[EncryptedText]) -> tuple[str, ...]:
    return ("patient_id", *model.KEY_FIELDS)


def _replace_all(clinic_id: UUID) -> int:
    total = 0
    while True:
        with transaction.atomic(), rls.as_clinic(clinic_id):
            changed = replace_one_key(clinic_id, timezone.now())
            _audit(clinic_id, replace_one_key.__name__, changed)
        if not changed:
            return total
        total += changed


def _audit(clinic_id: UUID, step: str, count: int) -> None:
    if count:
        audit.record_event(
            actor="operator", action="keys.rotate", subject=step, clinic_id=clinic_id, at=timezone.now(),
            kind="key", detail={"count": count, "master_key": settings.MASTER_KEY_ID},
        )  # fmt: skip


def unreadable(clinic_id: UUID) -> Iterator[tuple[str, str]]:
    """Decrypt every text of a clinic; yield table and primary key of each that cannot be. Costs what it reads."""
    for model in encrypted_models():
        after = Q()
        while True:
            with transaction.atomic(), rls.as_clinic(clinic_id):
                texts = model._default_manager.filter(after, clinic_id=clinic_id).select_related("key")
                rows = list(texts.order_by(*_row_key(model))[:BATCH])
            if not rows:
                break
            for row in data_keys.decrypt_readable(rows)[1]:
                yield model._meta.db_table, data_keys.row_name(row)
            after = _after(_row_key(model), rows[-1])


def _to_wrap(clinic_id: UUID) -> "models.QuerySet[DataKey]":
    return DataKey.objects.filter(clinic_id=clinic_id).exclude(master_key_id=settings.MASTER_KEY_ID)


def _to_replace(clinic_id: UUID) -> "models.QuerySet[DataKey]":
    current = DataKey.objects.filter(clinic_id=clinic_id, replaced_at__isnull=True)
    return current.exclude(made_under=settings.MASTER_KEY_ID)


def _to_reencrypt(model: type[EncryptedText], clinic_id: UUID) -> "models.QuerySet[EncryptedText]":
    return model._default_manager.filter(clinic_id=clinic_id, key__replaced_at__isnull=False)


def rewrap_batch(rows: "Sequence[DataKey]", at: datetime) -> int:
    """Wrap some data keys by today's master key; return how many could be."""
    wrapped = []
    for row in rows:
        again = data_keys.rewrap(row)
        if again is not None:
            row.wrapped, row.master_key_id = again, settings.MASTER_KEY_ID
            wrapped.append(row)
    DataKey.objects.bulk_update(wrapped, ["wrapped", "master_key_id"])
    return len(wrapped)


def replace_one_key(clinic_id: UUID, at: datetime) -> int:
    """Give one patient a new data key. Waits for who encrypts with the old one, and they wait for this."""
    row = _to_replace(clinic_id).order_by("pk").select_for_update().first()
    if row is None:
        return 0
    DataKey.objects.filter(pk=row.pk).update(replaced_at=at)
    data_keys.new_data_key(clinic_id, row.patient_id, at).save(force_insert=True)
    return 1


def reencrypt_batch(rows: Sequence[EncryptedText], at: datetime) -> int:
    """Put some texts of one table under their patients' new keys; return how many could be decrypted."""
    readable, _ = data_keys.decrypt_readable(rows)
    if not readable:
        return 0
    model = type(rows[0])
    patients = sorted({row.patient_id for row, _ in readable})
    current = {
        patient_id: data_keys.data_key_for(rows[0].clinic_id, patient_id, at) for patient_id in patients
    }
    row_type = bulk.row_type(*_row_key(model), "key_id", "ciphertext")
    changed = []
    for row, text in readable:
        key_id, data_key = current[row.patient_id]
        place = tuple(getattr(row, name) for name in model.KEY_FIELDS)
        again = encryption.encrypt(
            data_key, text.encode(), model.associated_data(place, row.patient_id, key_id)
        )
        changed.append(row_type(row.patient_id, *place, key_id, again))
    return bulk.update(model, changed, key=_row_key(model))


def retire(clinics: Iterable[UUID], master_key_id: str | None) -> int:
    """
    Remove the data keys that were replaced, and close a former master key; return how many were removed.

    :raises KeyInUse: if the database still holds something that needs one of them.
    """
    if master_key_id == settings.MASTER_KEY_ID:
        raise KeyInUse(f"{master_key_id} is today's master key.")
    removed = sum(_remove_replaced(clinic_id) for clinic_id in clinics)
    if master_key_id is not None:
        _close(master_key_id)
    return removed


@transaction.atomic
def _remove_replaced(clinic_id: UUID) -> int:
    at = timezone.now()
    with rls.as_clinic(clinic_id):
        rows = DataKey.objects.filter(clinic_id=clinic_id, replaced_at__isnull=False)
        rows = rows.exclude(pk__in=_keys_of_unreadable_texts(clinic_id))
        ids = list(rows.values_list("pk", flat=True))
        if not ids:
            return 0
        try:
            # The tables of encrypted texts refer to their keys: the database refuses, whatever we believe.
            with transaction.atomic():
                rows._raw_delete(rows.db)
        except IntegrityError:
            raise KeyInUse("Texts are still encrypted with keys that were replaced: rotate first.") from None
        audit.record_event(
            actor="operator", action="keys.retire", subject="data keys", clinic_id=clinic_id, at=at, kind="key",
            ids=ids,
        )  # fmt: skip
    return len(ids)


def _keys_of_unreadable_texts(clinic_id: UUID) -> set[UUID]:
    """
    The replaced keys that stay, since what they encrypted can only come back from a backup under the same key.

    :raises KeyInUse: if a text under a replaced key can be decrypted.
    """
    kept: set[UUID] = set()
    for model in encrypted_models():
        for row in (
            _to_reencrypt(model, clinic_id).select_related("key").order_by(*_row_key(model)).iterator()
        ):
            if data_keys.decrypt_readable([row])[0]:
                raise KeyInUse("Texts are still encrypted with keys that were replaced: rotate first.")
            kept.add(row.key_id)
    return kept


def _close(master_key_id: str) -> None:
    if not MasterKey.objects.filter(pk=master_key_id).exists():
        if not KeyFingerprint.objects.filter(name=f"master/{master_key_id}").exists():
            raise KeyInUse(f"No master key was ever called {master_key_id}.")
        # It encrypted addresses or second factors only, and never wrapped a data key.
        MasterKey.objects.get_or_create(pk=master_key_id)
    try:
        with transaction.atomic(), rls.as_clinic(SYSTEM):
            MasterKey.objects.filter(pk=master_key_id).update(is_open=False)
            audit.record_event(
                actor="operator", action="keys.retire", subject="master key", clinic_id=SYSTEM,
                at=timezone.now(), kind="key", detail={"master_key": master_key_id},
            )  # fmt: skip
    except IntegrityError:
        raise KeyInUse(f"Data keys are still wrapped by {master_key_id}: rotate first.") from None

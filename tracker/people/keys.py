"""The patients' data keys: made when first needed, wrapped by the master key, never stored bare."""

from datetime import datetime
from uuid import UUID, uuid4

from django.conf import settings

from tracker.lib import sealed
from tracker.people.models import DataKey


def _bound(patient_id: UUID, key_id: UUID, master_key_id: str) -> bytes:
    return sealed.bound_to("people_datakey", "wrapped", key_id, patient_id, master_key_id)


def of_patient(clinic_id: UUID, patient_id: UUID, at: datetime) -> tuple[UUID, bytes]:
    """Return (key id, key) for the patient's free text; make it if there is none yet."""
    row = DataKey.objects.filter(patient_id=patient_id).first() or _make(clinic_id, patient_id, at)
    bound = _bound(patient_id, row.pk, row.master_key_id)
    return row.pk, sealed.unseal(settings.MASTER_KEY, bytes(row.wrapped), bound)


def _make(clinic_id: UUID, patient_id: UUID, at: datetime) -> DataKey:
    key_id = uuid4()
    bound = _bound(patient_id, key_id, settings.MASTER_KEY_ID)
    # Two requests at once: the second finds the first one's key, so both seal with the same.
    DataKey.objects.bulk_create(
        [
            DataKey(
                id=key_id,
                clinic_id=clinic_id,
                patient_id=patient_id,
                master_key_id=settings.MASTER_KEY_ID,
                wrapped=sealed.seal(settings.MASTER_KEY, sealed.new_key(), bound),
                made_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    return DataKey.objects.get(patient_id=patient_id)

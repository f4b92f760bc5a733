"""The lock on a patient's row: whoever gives or withdraws a right to the patient decides under it, one at a time."""

from uuid import UUID

from tracker.clinics.models import Patient
from tracker.lib import rls


def lock(clinic_id: UUID, patient_id: UUID) -> None:
    """
    Lock the patient until the transaction ends; what is read afterwards is as the last holder left it.

    The row is there for every patient, before anything was shared, given or paired. The patient's entries are stored
    without it and do not wait. Must be inside a transaction.
    """
    with rls.as_clinic(clinic_id):
        list(Patient.objects.select_for_update(no_key=True).filter(pk=patient_id).values_list("pk"))

"""Reporters: the caregivers who gave answers that raised alerts."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from tracker.access import caregivers
from tracker.access.principal import Principal


def names(principal: Principal, reported: Iterable[tuple[UUID, Iterable[UUID]]]) -> Mapping[UUID, str]:
    """
    Return what patients call their caregivers, by the caregivers' users; ``reported`` are patients, and who reported.

    For a principal who sees the alerts. Nobody is asked about where the patients gave all answers themselves.
    """
    users: dict[UUID, set[UUID]] = {}
    for patient_id, reporters in reported:
        users.setdefault(patient_id, set()).update(reporters)
    found: dict[UUID, str] = {}
    for patient_id, of_patient in users.items():
        if of_patient:
            found |= caregivers.names(principal.clinic_id, patient_id, of_patient)
    return found

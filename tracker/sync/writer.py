"""The writer of records: the patient, or a caregiver whom the patient lets write."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from tracker.access.principal import Principal
from tracker.lib import rls


@dataclass(frozen=True, slots=True)
class Writer:
    """
    Who writes, and in whose record. ``rights`` is a caregiver's row-security context, in which their rows are written.

    All that follows from an entry is made of the whole record, of which a caregiver sees a part: numbers, alerts,
    the order of changes.
    """

    principal: Principal
    patient_id: UUID
    rights: Mapping[str, str] | None = None

    @classmethod
    def of(cls, principal: Principal, patient_id: UUID | None) -> Self:
        """
        Return the writer in the transaction's row-security context, which is ``principal``'s.

        :raises NotFoundOrHidden: for anybody but a patient, where no patient is named.
        """
        if principal.is_caregiver and patient_id is not None:
            return cls(principal, patient_id, rls.current())
        return cls(principal, principal.own_patient_id)

    @property
    def caregiver_id(self) -> UUID | None:
        """The caregiver's user; None if the patient writes."""
        return None if self.rights is None else self.principal.user_id

    @contextmanager
    def whole_record(self) -> Iterator[None]:
        """Work on the whole record of the patient, as her own requests do."""
        if self.rights is None:
            yield
            return
        with rls.as_patient(self.principal.clinic_id, self.patient_id):
            yield

    @contextmanager
    def own_rights(self) -> Iterator[None]:
        """Within ``whole_record``, see and write no more than the writer may."""
        if self.rights is None:
            yield
            return
        with rls.context(**self.rights):
            yield

"""What a clinic does with the catalogue: load wording that it may use, offer an instrument."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from tracker.audit import actions as audit
from tracker.instruments import catalogue, wording
from tracker.instruments.models import Offer, Permission, Version
from tracker.instruments.wording import Wording


class UnfitWordingError(ValueError):
    """The wording does not fit the instrument; ``faults`` says how."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class NotLicensedError(Exception):
    """The clinic holds no permission for the wording of this instrument."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"this clinic holds no permission for the wording of {name}; load it with load_wording first"
        )


@transaction.atomic
def load_wording(*, clinic_id: UUID, given: Wording, actor: str, at: datetime) -> Permission:
    """
    Keep a clinic's permission and its private wording; a later file replaces an earlier one.

    :raises UnfitWordingError: if it does not fit the instrument.
    :raises catalogue.UnknownInstrumentError: if there is no such instrument or version.
    """
    form = catalogue.get(given.instrument, given.version)
    faults = wording.faults(form, given)
    if faults:
        raise UnfitWordingError(faults)
    version = Version.objects.get(instrument=form.code, version=form.version)
    permission, _ = Permission.objects.update_or_create(
        clinic_id=clinic_id,
        version=version,
        defaults={
            "wording": given.model_dump(mode="json", exclude_none=True),
            "granted_by": given.granted_by,
            "granted_on": given.granted_on,
            "loaded_at": at,
        },
    )
    subject = f"version/{form.code}@{form.version}"
    audit.record_event(actor=actor, action="wording.load", subject=subject, clinic_id=clinic_id, at=at)
    return permission


@transaction.atomic
def offer(*, clinic_id: UUID, code: str, version: str, actor: str, at: datetime) -> Offer:
    """
    Put an instrument before the clinic's patients; offering it twice changes nothing.

    :raises NotLicensedError: if its wording neither ships nor is permitted to the clinic.
    :raises Version.DoesNotExist: if it is not published.
    """
    wanted = Version.objects.for_clinic(clinic_id).get(instrument=code, version=version)
    if not wanted.available:
        raise NotLicensedError(f"{code}@{version}")
    made, is_new = Offer.objects.get_or_create(
        clinic_id=clinic_id, version=wanted, defaults={"offered_by": actor, "offered_at": at}
    )
    if is_new:
        subject = f"version/{code}@{version}"
        audit.record_event(
            actor=actor, action="instrument.offer", subject=subject, clinic_id=clinic_id, at=at
        )
    return made

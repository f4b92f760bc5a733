"""A patient's phones: paired once, bound to the session that pairs, retired one by one."""

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from tracker.access.models import Device, DeviceLabel
from tracker.access.principal import Principal
from tracker.accounts import reauthentication, sessions
from tracker.accounts.models import Session
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.keys import data_keys
from tracker.lib import encryption


class DeviceRetired(Exception):
    """The device was retired: it comes back only under a new id."""


class DeviceMismatch(Exception):
    """The session is bound to another device already."""


def pair(
    *, principal: Principal, session_key: str, device_id: UUID, label: str, at: datetime
) -> tuple[Device, bool]:
    """
    Bind the principal's session to their device; return the device and whether it is new. Again: it changes the label.

    An earlier session on the same device ends: a device belongs to its latest sign-in. Must be inside the transaction
    that ``load_principal`` was called in.

    :raises DeviceMismatch: if the session is bound to another device.
    :raises DeviceRetired: if the device was retired.
    :raises reauthentication.ReauthenticationRequired: if this is not the patient's first device and the sign-in is
        older than 5 minutes.
    """
    # Of two first phones at once the second is a further one, and one that is being retired is a retired one.
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    own = Device.objects.filter(patient_id=principal.own_patient_id)
    if principal.device_id not in (None, device_id):
        raise DeviceMismatch
    if principal.device_id is None and own.exists():
        reauthentication.require_recent(principal.authenticated_at, at)
    device, new = own.get_or_create(
        id=device_id,
        defaults={
            "patient_id": principal.own_patient_id,
            "clinic_id": principal.clinic_id,
            "paired_at": at,
        },
    )
    if device.retired_at is not None:
        raise DeviceRetired
    _set_label(principal, device_id, label, at)
    if principal.device_id is None:
        _bind(principal, session_key, device_id)
    principal.audit("device.pair", f"device/{device_id}", patient_id=principal.own_patient_id, at=at)
    return device, new


def labels(patient_id: UUID) -> dict[UUID, str]:
    """Return what a patient calls their phones, by the phones' ids; one without a readable name is not in it."""
    rows = DeviceLabel.objects.filter(patient_id=patient_id).select_related("key").order_by("number")
    readable, unreadable = data_keys.decrypt_readable(rows)
    names = {row.device_id: (row.number, text) for row, text in readable}
    newest = {row.device_id: row.number for row in unreadable}
    # A former name does not come back because the newest one cannot be read.
    return {device: text for device, (number, text) in names.items() if number > newest.get(device, 0)}


def retire(*, principal: Principal, device_id: UUID, at: datetime) -> None:
    """
    Retire a device of the principal's and end its sessions, in one transaction.

    :raises NotFoundOrHidden: if the principal has no such device.
    """
    # A pairing at the same moment is over, or waits: its session ends here, or finds the device retired.
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    own = Device.objects.filter(patient_id=principal.own_patient_id, id=device_id)
    if not own.exists():
        raise NotFoundOrHidden
    own.filter(retired_at__isnull=True).update(retired_at=at)
    Session.objects.of(principal.user_id).filter(device_id=device_id).delete()
    principal.audit("device.retire", f"device/{device_id}", patient_id=principal.own_patient_id, at=at)


def _set_label(principal: Principal, device_id: UUID, label: str, at: datetime) -> None:
    """Keep what the phone is called, if that is new. The caller holds the patient's lock."""
    assert principal.own_patient_id
    if labels(principal.own_patient_id).get(device_id, "") == label:
        return
    given = DeviceLabel.objects.filter(patient_id=principal.own_patient_id, device_id=device_id)
    number = 1 + (given.aggregate(Max("number"))["number__max"] or 0)
    key_id, key = data_keys.data_key_for(principal.clinic_id, principal.own_patient_id, at)
    bound = DeviceLabel.associated_data((device_id, number), principal.own_patient_id, key_id)
    DeviceLabel.objects.create(
        clinic_id=principal.clinic_id, patient_id=principal.own_patient_id, device_id=device_id, number=number,
        key_id=key_id, ciphertext=encryption.encrypt(key, label.encode(), bound),
    )  # fmt: skip


def _bind(principal: Principal, session_key: str, device_id: UUID) -> None:
    """Bind the session, once: of two pairings at once the second finds it bound."""
    key = sessions.key_hash(session_key)
    mine = Session.objects.of(principal.user_id)
    if not mine.filter(pk=key, device_id__isnull=True).update(device_id=device_id):
        raise DeviceMismatch
    mine.filter(device_id=device_id).exclude(pk=key).delete()

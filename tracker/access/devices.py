"""
A patient's phones: paired once, bound to the session that pairs, retired one by one.

A stolen password pairs a phone as well as the right one does, under an id that is known too. So a phone is *new* for a
day after each sign-in that is bound to it: until then it retires an older one only a day later, which the older one
hears of and can cancel, it sets up no second factor, gives the account no other role, and shows the record to nobody
more. What is shown within 30 days of such a sign-in is marked, and ends with the next password
(``access.recent_sharing``).
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from tracker.access.models import Device, DeviceLabel
from tracker.access.principal import Principal
from tracker.accounts import reauthentication, sessions
from tracker.accounts.models import Session, User
from tracker.audit import actions as audit
from tracker.clinics import patient_lock
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Clinic, Patient
from tracker.keys import data_keys
from tracker.lib import encryption, rls

IS_NEW, RETIRES_AFTER, IS_RECENT = timedelta(hours=24), timedelta(hours=24), timedelta(days=30)


class DeviceRetired(Exception):
    """The device was retired: it comes back only under a new id."""


class DeviceInUse(Exception):
    """Another sign-in lives on the device, and one on another phone."""


class DeviceMismatch(Exception):
    """The session is bound to another device already."""


class UseOlderDevice(Exception):
    """The sign-in is new, and an older phone is there: its owner decides."""


def pair(
    *, principal: Principal, session_key: str, device_id: UUID, label: str, at: datetime
) -> tuple[Device, bool]:
    """
    Bind the principal's session to their device; return the device and whether it is new. Again: it changes the label.

    An earlier session on the same device ends: a device belongs to its latest sign-in. The device is new again
    (``is_new``), since its id alone does not show that it is the same phone. Must be inside the transaction that
    ``load_principal`` was called in.

    :raises DeviceInUse: if another session lives on the device, and one on another phone.
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
            "bound_at": at,
        },
    )
    if device.retired_at is not None:
        raise DeviceRetired
    _set_label(principal, device_id, label, at)
    if principal.device_id is None:
        _bind(principal, session_key, device, at)
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


def is_new(patient_id: UUID, device_id: UUID | None, at: datetime) -> bool:
    """
    Return whether a sign-in on this device (None: on no phone) is to be doubted, since an older phone is there.

    That is for ``IS_NEW`` after the session was bound to the phone. The older phone may be the same one, whose id a
    further sign-in has taken; the only phone, in its first sign-in, is never new.
    """
    active = Device.objects.filter(patient_id=patient_id, retired_at__isnull=True)
    own = active.filter(id=device_id).first() if device_id else None
    if own is None:
        return active.exists()
    return own.bound_at > at - IS_NEW and active.filter(paired_at__lt=own.bound_at).exists()


def require_older(principal: Principal, at: datetime) -> None:
    """
    Go on if the patient's phone is no new one, or the patient is: on their first day nobody has an older sign-in.

    :raises UseOlderDevice: otherwise.
    """
    _require_older(principal.own_patient_id, principal.device_id, at)


def require_older_for_role(user_id: UUID, session: sessions.SessionData | None, at: datetime) -> None:
    """
    Go on if this sign-in (None: one of which nothing is known) may give the account another role.

    A patient's may as ``require_older`` says, or with a second factor that was shown: a password alone does not take
    on what needs one. In a browser there is no phone, so staff who are patients show theirs.

    :raises UseOlderDevice: otherwise.
    """
    if session is not None and session.has_second_factor:
        return
    own = _patient_of(user_id)
    if own is None:
        return
    with transaction.atomic(), rls.as_patient(own.clinic_id, own.pk):
        _require_older(own.pk, session.device_id if session else None, at)


def is_recent(principal: Principal, at: datetime) -> bool:
    """
    Return whether the sign-in may be a thief's who has waited: of less than ``IS_RECENT``, and not the first one.

    Unlike with ``is_new`` a phone that was retired counts as the older one.
    """
    own = Device.objects.filter(patient_id=principal.own_patient_id)
    device = own.filter(id=principal.device_id).first() if principal.device_id else None
    if device is None:
        return own.exists()
    return device.bound_at > at - IS_RECENT and own.filter(paired_at__lt=device.bound_at).exists()


def may_add_second_factor(user: User, device_id: UUID | None, at: datetime) -> bool:
    """
    Return whether a sign-in on this device (None: on no phone) may set up a second factor for the account.

    A patient's may not while an older phone is there (``is_new``), whatever else the patient is: the owner of that one
    would be locked out.
    """
    own = _patient_of(user.pk)
    if own is None:
        return True
    with transaction.atomic(), rls.as_patient(own.clinic_id, own.pk):
        return not is_new(own.pk, device_id, at)


def retire(*, principal: Principal, device_id: UUID, at: datetime) -> datetime:
    """
    Retire a device of the principal's and end its sessions, in one transaction; return when it is retired.

    Asked for on a phone that ``is_new`` it happens ``RETIRES_AFTER`` later (``retire_due``), unless it is cancelled.
    One's own phone, and one that is newer, is retired at once.

    :raises NotFoundOrHidden: if the principal has no such device.
    """
    # A pairing at the same moment is over, or waits: its session ends here, or finds the device retired.
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    device = Device.objects.filter(patient_id=principal.own_patient_id, id=device_id).first()
    if device is None:
        raise NotFoundOrHidden
    if device.retired_at is None and _waits(principal, device, at):
        later = device.retires_at or at + RETIRES_AFTER
        _update(device, retires_at=later)
        action = "device.retire_later"
    else:
        later = at
        _retire(device, principal.user_id, at)
        action = "device.retire"
    principal.audit(action, f"device/{device_id}", patient_id=principal.own_patient_id, at=at)
    return later


def cancel_retirement(*, principal: Principal, device_id: UUID, at: datetime) -> None:
    """
    Cancel a retirement that has not happened yet, from the device itself or from one that is not new.

    :raises NotFoundOrHidden: if the principal has no such device, or asks on a new one.
    """
    patient_lock.lock(principal.clinic_id, principal.own_patient_id)
    device = Device.objects.filter(
        patient_id=principal.own_patient_id, id=device_id, retired_at__isnull=True
    ).first()
    is_own = principal.device_id == device_id
    if device is None or not (is_own or not is_new(device.patient_id, principal.device_id, at)):
        raise NotFoundOrHidden
    _update(device, retires_at=None)
    principal.audit("device.keep", f"device/{device_id}", patient_id=principal.own_patient_id, at=at)


def retire_due(*, at: datetime) -> int:
    """Retire the devices whose day has come, clinic by clinic; return how many. Safe at any time, and twice."""
    return sum(
        _retire_if_due(clinic_id, device, at)
        for clinic_id in list(Clinic.objects.values_list("pk", flat=True))
        for device in _due(clinic_id, at)
    )


@transaction.atomic
def _due(clinic_id: UUID, at: datetime) -> list[Device]:
    with rls.as_clinic(clinic_id):
        rows = Device.objects.filter(clinic_id=clinic_id, retired_at__isnull=True, retires_at__lte=at)
        return list(rows.order_by("patient_id", "id"))


@transaction.atomic
def _retire_if_due(clinic_id: UUID, device: Device, at: datetime) -> int:
    patient_lock.lock(clinic_id, device.patient_id)
    with rls.as_clinic(clinic_id):
        row = Device.objects.filter(pk=device.pk, retired_at__isnull=True, retires_at__lte=at)
        due = row.select_related("patient").first()
        # It may have been cancelled, or retired, while this waited for the lock.
        if due is None:
            return 0
        _retire(due, due.patient.user_id, at)
        audit.record_event(
            actor="system", action="device.retire", subject=f"device/{device.id}", clinic_id=clinic_id,
            patient_id=device.patient_id, at=at,
        )  # fmt: skip
        return 1


def _patient_of(user_id: UUID) -> Patient | None:
    with transaction.atomic(), rls.context(person=str(user_id)):
        return Patient.objects.filter(user_id=user_id).first()


def _require_older(patient_id: UUID, device_id: UUID | None, at: datetime) -> None:
    # Who has just been enrolled signs in twice, or on two phones, before they first say what they share.
    is_established = Device.objects.filter(patient_id=patient_id, paired_at__lte=at - IS_NEW).exists()
    if is_established and is_new(patient_id, device_id, at):
        raise UseOlderDevice


def _waits(principal: Principal, device: Device, at: datetime) -> bool:
    """Whether a new phone, or a sign-in on none, asks to retire an older one."""
    if device.id == principal.device_id or not is_new(device.patient_id, principal.device_id, at):
        return False
    if principal.device_id is None:
        return True
    asking = Device.objects.filter(patient_id=device.patient_id, id=principal.device_id).first()
    return asking is None or device.paired_at <= asking.bound_at


def _retire(device: Device, user_id: UUID | None, at: datetime) -> None:
    if device.retired_at is None:
        _update(device, retired_at=at, retires_at=None)
    if user_id is not None:
        Session.objects.of(user_id).filter(device_id=device.id).delete()


def _update(device: Device, **values: datetime | None) -> None:
    Device.objects.filter(pk=device.pk).update(**values)


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


def _bind(principal: Principal, session_key: str, device: Device, at: datetime) -> None:
    """Bind the session, once: of two pairings at once the second finds it bound."""
    key = sessions.key_hash(session_key)
    mine = Session.objects.of(principal.user_id)
    alive = set(mine.alive(at).filter(device_id__isnull=False).values_list("device_id", flat=True))
    # Whoever has no phone but this one, and lost its token, is not sent away.
    if device.id in alive and len(alive) > 1:
        raise DeviceInUse
    if not mine.filter(pk=key, device_id__isnull=True).update(device_id=device.id):
        raise DeviceMismatch
    mine.filter(device_id=device.id).exclude(pk=key).delete()
    _update(device, bound_at=at)

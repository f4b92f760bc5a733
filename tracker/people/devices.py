"""A patient's phones: paired once, bound to the session that pairs, retired one by one."""

from datetime import datetime
from uuid import UUID

from django.db.models import Max

from tracker.audit import actions as audit
from tracker.lib import sealed
from tracker.people import keys, recency, sessions
from tracker.people.access import NotYoursError, Viewer
from tracker.people.models import Device, DeviceLabel, Session


class RetiredError(Exception):
    """The device was retired: it comes back only under a new id."""


class BoundError(Exception):
    """The session is bound to another device already."""


def pair(
    *, viewer: Viewer, session_key: str, device_id: UUID, label: str, at: datetime
) -> tuple[Device, bool]:
    """
    Bind the viewer's session to their device; return the device and whether it is new. Again: it changes the label.

    An earlier session on the same device ends: a device belongs to its latest sign-in. Must be inside the transaction
    that ``access.enter`` opened.

    :raises BoundError: if the session is bound to another device.
    :raises RetiredError: if the device was retired.
    :raises recency.StaleSignInError: if this is not the patient's first device and the sign-in is older than 5 minutes.
    """
    own = Device.objects.filter(patient_id=viewer.own_patient_id)
    if viewer.device_id not in (None, device_id):
        raise BoundError
    if viewer.device_id is None and own.exists():
        recency.require(viewer.authenticated_at, at)
    device, new = own.get_or_create(
        id=device_id,
        defaults={
            "patient_id": viewer.own_patient_id,
            "clinic_id": viewer.clinic_id,
            "paired_at": at,
        },
    )
    # The lock makes a retirement at the same moment wait, so that it ends this session too.
    device = own.select_for_update().get(id=device_id)
    if device.retired_at is not None:
        raise RetiredError
    _call(viewer, device_id, label, at)
    if viewer.device_id is None:
        _bind(viewer, session_key, device_id)
    _note(viewer, "device.pair", device_id, at)
    return device, new


def labels(patient_id: UUID) -> dict[UUID, str]:
    """Return what a patient calls their phones, by the phones' ids; a phone that has no name is not in it."""
    rows = DeviceLabel.objects.filter(patient_id=patient_id).select_related("key").order_by("number")
    return {row.device_id: text for row, text in keys.open_all(rows)}


def retire(*, viewer: Viewer, device_id: UUID, at: datetime) -> None:
    """
    Retire a device of the viewer's and end its sessions, in one transaction.

    :raises NotYoursError: if the viewer has no such device.
    """
    own = Device.objects.filter(patient_id=viewer.own_patient_id, id=device_id)
    if own.select_for_update().first() is None:
        raise NotYoursError
    own.filter(retired_at__isnull=True).update(retired_at=at)
    Session.objects.of(viewer.user_id).filter(device_id=device_id).delete()
    _note(viewer, "device.retire", device_id, at)


def _call(viewer: Viewer, device_id: UUID, label: str, at: datetime) -> None:
    """Keep what the phone is called, if that is new. The caller holds the device's lock."""
    assert viewer.own_patient_id
    if labels(viewer.own_patient_id).get(device_id, "") == label:
        return
    given = DeviceLabel.objects.filter(patient_id=viewer.own_patient_id, device_id=device_id)
    number = 1 + (given.aggregate(Max("number"))["number__max"] or 0)
    key_id, key = keys.of_patient(viewer.clinic_id, viewer.own_patient_id, at)
    bound = DeviceLabel.bound((device_id, number), viewer.own_patient_id, key_id)
    DeviceLabel.objects.create(
        clinic_id=viewer.clinic_id, patient_id=viewer.own_patient_id, device_id=device_id, number=number,
        key_id=key_id, sealed=sealed.seal(key, label.encode(), bound),
    )  # fmt: skip


def _bind(viewer: Viewer, session_key: str, device_id: UUID) -> None:
    """Bind the session, once: of two pairings at once the second finds it bound."""
    key = sessions.hashed(session_key)
    mine = Session.objects.of(viewer.user_id)
    if not mine.filter(pk=key, device_id__isnull=True).update(device_id=device_id):
        raise BoundError
    mine.filter(device_id=device_id).exclude(pk=key).delete()


def _note(viewer: Viewer, action: str, device_id: UUID, at: datetime) -> None:
    audit.note(
        actor=viewer.actor,
        action=action,
        subject=f"device/{device_id}",
        clinic_id=viewer.clinic_id,
        patient_id=viewer.own_patient_id,
        at=at,
    )

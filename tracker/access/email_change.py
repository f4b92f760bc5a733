"""
Change of a patient's e-mail address: asked for in the app, confirmed there with a code that was mailed to the new one.

An account has one address. Nothing tells whether the new one has an account: that is looked at with the code alone,
and the answer is that of a wrong code.
"""

from datetime import datetime, timedelta
from uuid import uuid4

from django.db import IntegrityError, transaction

from tracker.access import devices
from tracker.access.models import EmailChange
from tracker.access.principal import Principal
from tracker.accounts import addresses, known_devices, reauthentication
from tracker.accounts.models import User
from tracker.clinics import invitation_codes, patient_lock
from tracker.keys import data_keys
from tracker.lib import encryption

CODE_LENGTH, CODE_LASTS = 16, timedelta(hours=1)


class EmailChangeRefused(Exception):
    """No open change of this account has the code, or somebody else has the address by now; never which."""


def begin(*, principal: Principal, address: str, at: datetime) -> tuple[EmailChange, str]:
    """
    Begin a change of the principal's own address; return the row and the code to mail. An earlier one ends.

    :raises NotFoundOrHidden: for anybody but a patient.
    :raises reauthentication.ReauthenticationRequired: if the sign-in is older than 5 minutes.
    :raises devices.UseOlderDevice: on a phone that is new.
    """
    patient_id = principal.own_patient_id
    patient_lock.lock(principal.clinic_id, patient_id)
    reauthentication.require_recent(principal.authenticated_at, at)
    devices.require_older(principal, at)
    EmailChange.objects.filter(patient_id=patient_id).delete()
    change_id, code = uuid4(), invitation_codes.new_code(CODE_LENGTH)
    key_id, key = data_keys.data_key_for(principal.clinic_id, patient_id, at)
    bound = EmailChange.associated_data((change_id,), patient_id, key_id)
    text = addresses.normal_form(address).encode()
    change = EmailChange.objects.create(
        id=change_id, clinic_id=principal.clinic_id, patient_id=patient_id, key_id=key_id,
        ciphertext=encryption.encrypt(key, text, bound), code=invitation_codes.code_hash(code),
        expires_at=at + CODE_LASTS,
    )  # fmt: skip
    principal.audit("email.change_begin", f"user/{principal.user_id}", patient_id=patient_id, at=at)
    return change, code


def confirm(*, principal: Principal, code: str, at: datetime) -> str:
    """
    Give the principal's account the new address; return the former one. Links that were mailed there end.

    :raises NotFoundOrHidden: for anybody but a patient.
    :raises EmailChangeRefused: if the code fits no open change, or the address is taken.
    """
    patient_id = principal.own_patient_id
    patient_lock.lock(principal.clinic_id, patient_id)
    hashed = invitation_codes.code_hash(code)
    rows = EmailChange.objects.filter(patient_id=patient_id, code=hashed, expires_at__gt=at)
    readable, _ = data_keys.decrypt_readable(rows.select_related("key"))
    if not readable:
        raise EmailChangeRefused
    address = readable[0][1]
    user = User.objects.select_for_update(no_key=True).get(pk=principal.user_id)
    former: str = user.email
    # Under a former master key the same address has other bytes: the unique index alone would not see it.
    if User.objects.filter(email=address).exclude(pk=user.pk).exists():
        raise EmailChangeRefused
    user.email = address
    try:
        with transaction.atomic():
            user.save(update_fields=["email"])
    except IntegrityError:
        raise EmailChangeRefused from None
    EmailChange.objects.filter(patient_id=patient_id).delete()
    if principal.device_id:
        known_devices.remember([address], str(principal.device_id))
    principal.audit("email.change", f"user/{principal.user_id}", patient_id=patient_id, at=at)
    return former

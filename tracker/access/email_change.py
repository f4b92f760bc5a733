"""
Change of a patient's e-mail address: asked for in the app, confirmed there with a code that was mailed to the new one.

For three days whoever reads the former address undoes it with a code that was mailed there, without signing in: a
thief of the password and of a phone may have made the change.

An account has one address. Nothing tells whether the new one has an account: that is looked at with the code alone,
and the answer is that of a wrong code.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from allauth.mfa.models import Authenticator
from django.db import transaction

from tracker.access import devices, patient_sign_in
from tracker.access.models import EmailChange
from tracker.access.principal import Principal
from tracker.accounts import addresses, former_emails, known_devices, reauthentication, sessions
from tracker.accounts.fields import UnreadableAddress
from tracker.accounts.models import FormerEmail, User
from tracker.audit import actions as audit
from tracker.clinics import invitation_codes, patient_lock
from tracker.clinics.models import Patient
from tracker.keys import data_keys
from tracker.lib import encryption, rls

# Of 130 bits: it is carried by a link, and nobody types it.
UNDO_CODE_LENGTH = 26
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


def confirm(*, principal: Principal, code: str, at: datetime) -> tuple[str, str]:
    """
    Give the principal's account the new address; return the former one, and the code that undoes it from there.

    Links that were mailed there end. Going back to an address of the last month is an undoing itself: there is no
    code (it is empty) for who reads the one that is left.

    :raises NotFoundOrHidden: for anybody but a patient.
    :raises EmailChangeRefused: if the code fits no open change, or the address is taken.
    """
    patient_id = principal.own_patient_id
    # The account before the patient, as everywhere.
    user = User.objects.select_for_update(no_key=True).get(pk=principal.user_id)
    patient_lock.lock(principal.clinic_id, patient_id)
    hashed = invitation_codes.code_hash(code)
    rows = EmailChange.objects.filter(patient_id=patient_id, code=hashed, expires_at__gt=at)
    readable, _ = data_keys.decrypt_readable(rows.select_related("key"))
    if not readable:
        raise EmailChangeRefused
    address = readable[0][1]
    is_going_back = any(row.email == address for row in former_emails.of(user.pk, at))
    undo_code = "" if is_going_back else invitation_codes.new_code(UNDO_CODE_LENGTH)
    hashed_undo = invitation_codes.code_hash(undo_code) if undo_code else None
    try:
        former = former_emails.replace(user=user, address=address, code=hashed_undo, at=at)
    except former_emails.AddressTaken:
        raise EmailChangeRefused from None
    EmailChange.objects.filter(patient_id=patient_id).delete()
    if principal.device_id:
        known_devices.remember([address], str(principal.device_id))
    principal.audit("email.change", f"user/{principal.user_id}", patient_id=patient_id, at=at)
    return former, undo_code


@dataclass(frozen=True, slots=True)
class Undone:
    """Whose change was undone, which address was put away, and whether second factors were removed."""

    clinic_id: UUID
    patient_id: UUID
    user_id: UUID
    replaced: str
    has_removed: bool


@transaction.atomic
def undo(*, code: str, at: datetime) -> Undone:
    """
    Put back the address to which ``code`` was mailed, whatever was changed since, and end every sign-in.

    The password dies, and so do second factors of less than a month before the change, which may be the thief's; those
    of staff stay. Codes of this change and of later ones end: they were mailed to whoever made them. The record and
    the phones are not touched; what waits on a phone is sent once it has signed in again.

    :raises EmailChangeRefused: if no change of the last three days has the code.
    """
    hashed = invitation_codes.code_hash(code)
    open_changes = FormerEmail.objects.filter(code=hashed, replaced_at__gt=at - former_emails.UNDO_LASTS)
    user_id = open_changes.values_list("user_id", flat=True).first()
    if user_id is None:
        raise EmailChangeRefused
    user = User.objects.select_for_update(no_key=True).get(pk=user_id)
    # Under the lock: of two at once the second finds the code used.
    change = open_changes.first()
    if change is None or isinstance(change.email, UnreadableAddress):
        raise EmailChangeRefused
    with rls.context(person=str(user.pk)):
        patient = Patient.objects.get(user_id=user.pk)
    patient_lock.lock(patient.clinic_id, patient.pk)
    FormerEmail.objects.filter(user=user, replaced_at__gte=change.replaced_at).update(code=None)
    replaced = former_emails.replace(user=user, address=change.email, code=None, at=at)
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sessions.delete_all(user.pk)
    removed = 0
    if not patient_sign_in.is_staff(user):
        recent = Authenticator.objects.filter(
            user=user, created_at__gt=change.replaced_at - former_emails.KEPT
        )
        removed = recent.delete()[0]
    with rls.as_clinic(patient.clinic_id):
        EmailChange.objects.filter(patient=patient).delete()
        audit.record_event(
            actor="nobody", action="email.undo", subject=f"user/{user.pk}", clinic_id=patient.clinic_id,
            patient_id=patient.pk, at=at, detail={"second_factors": removed},
        )  # fmt: skip
    return Undone(patient.clinic_id, patient.pk, user.pk, replaced, bool(removed))

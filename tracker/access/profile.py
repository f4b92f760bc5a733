"""
A patient's profile: name, telephone number and time zone, with every version of it.

What a request does not name stays as it is, so two phones that change different things keep both. Of two that change
the same the later arrival counts, and the former value stays in the versions.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from tracker.access import devices
from tracker.access.models import ProfileVersion
from tracker.access.principal import Principal
from tracker.accounts import reauthentication
from tracker.clinics import patient_lock
from tracker.clinics.models import Patient
from tracker.keys import data_keys
from tracker.lib import encryption, rls

# So many of the newest versions are read: a year of moving to another zone and back each day has more.
MOST_VERSIONS = 200


class ProfileChanged(Exception):
    """The profile is at another version than the change was made of."""


@dataclass(frozen=True, slots=True)
class Profile:
    """
    One version. ``phone`` is empty if there is none, ``starts_at`` None of the first: since enrolment.

    ``name`` and ``phone`` are None where they cannot be decrypted. Of ``phone`` later versions say so
    too, until there is a new one.
    """

    version: int
    name: str | None
    phone: str | None
    time_zone: str
    starts_at: datetime | None


def versions(patient: Patient) -> list[Profile]:
    """
    Return the versions of a patient's profile, the newest first.

    The name of the newest stands with the patient, whether or not it can be decrypted.
    """
    rows = list(
        ProfileVersion.objects.filter(patient_id=patient.pk)
        .select_related("key")
        .order_by("-number")[:MOST_VERSIONS]
    )
    readable, _ = data_keys.decrypt_readable(rows)
    texts = {row.number: json.loads(text) for row, text in readable}
    found = [_profile(row, texts.get(row.number, {})) for row in rows]
    if not found:
        return [_enrolled(patient)]
    return [replace(found[0], name=patient.name, time_zone=patient.time_zone), *found[1:]]


def phone(patient_id: UUID) -> str:
    """Return a patient's telephone number; empty if there is none, or it cannot be decrypted, which the log tells."""
    newest = (
        ProfileVersion.objects.filter(patient_id=patient_id).select_related("key").order_by("-number")[:1]
    )
    readable, _ = data_keys.decrypt_readable(newest)
    return json.loads(readable[0][1])["phone"] or "" if readable else ""


def zones(profiles: Sequence[Profile]) -> list[Profile]:
    """Return of versions, the newest first, those that begin a stay in a time zone, in the same order."""
    former = [*(each.time_zone for each in profiles[1:]), None]
    return [each for each, before in zip(profiles, former, strict=True) if each.time_zone != before]


def change(
    *, principal: Principal, base_versions: frozenset[int] | None, changes: dict[str, str], at: datetime
) -> frozenset[str]:
    """
    Change ``name``, ``phone`` or ``time_zone`` of the principal's own profile; return the names of what is new.

    Reminders go by the new zone from now on; what was recorded keeps its day and zone. Must be inside the transaction
    that ``load_principal`` was called in.

    :raises NotFoundOrHidden: for anybody but a patient.
    :raises ProfileChanged: if the current version is none of ``base_versions``; None: whichever it is.
    :raises reauthentication.ReauthenticationRequired: if the number changes, by a sign-in older than 5 minutes.
    :raises devices.UseOlderDevice: if the number changes, on a phone that is new.
    """
    patient_id = principal.own_patient_id
    patient_lock.lock(principal.clinic_id, patient_id)
    patient = Patient.objects.get(pk=patient_id)
    current = versions(patient)[0]
    if base_versions is not None and current.version not in base_versions:
        raise ProfileChanged
    held = asdict(current)
    names = frozenset(name for name, value in changes.items() if held[name] != value)
    if not names:
        return names
    if "phone" in names:
        reauthentication.require_recent(principal.authenticated_at, at)
        devices.require_older(principal, at)
    changed = replace(
        current, version=current.version + 1, starts_at=at, **{name: changes[name] for name in names}
    )
    # The first change keeps what was said at enrolment too.
    _store(principal, [current, changed] if current.version == 1 else [changed], at)
    _update(principal, {name: changes[name] for name in names & {"name", "time_zone"}})
    detail = {"fields": sorted(names), "version": changed.version}
    principal.audit("profile.change", patient, patient_id=patient_id, at=at, detail=detail)
    return names


def _profile(row: ProfileVersion, text: dict[str, str | None]) -> Profile:
    return Profile(row.number, text.get("name"), text.get("phone"), row.time_zone, row.starts_at)


def _enrolled(patient: Patient) -> Profile:
    return Profile(1, patient.name, "", patient.time_zone, None)


def _store(principal: Principal, profiles: Sequence[Profile], at: datetime) -> None:
    patient_id = principal.own_patient_id
    key_id, key = data_keys.data_key_for(principal.clinic_id, patient_id, at)
    ProfileVersion.objects.bulk_create(
        [
            ProfileVersion(
                clinic_id=principal.clinic_id,
                patient_id=patient_id,
                number=each.version,
                time_zone=each.time_zone,
                starts_at=each.starts_at,
                key_id=key_id,
                ciphertext=_encrypted(each, patient_id, key_id, key),
            )
            for each in profiles
        ]
    )


def _encrypted(profile: Profile, patient_id: UUID, key_id: UUID, key: bytes) -> bytes:
    text = json.dumps({"name": profile.name, "phone": profile.phone})
    bound = ProfileVersion.associated_data((profile.version,), patient_id, key_id)
    return encryption.encrypt(key, text.encode(), bound)


def _update(principal: Principal, values: dict[str, Any]) -> None:
    if values:
        with rls.as_clinic(principal.clinic_id):
            Patient.objects.filter(pk=principal.own_patient_id).update(**values)

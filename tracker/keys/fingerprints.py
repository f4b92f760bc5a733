"""
Fingerprints: is each key in the settings the one that this database knows by its name?

Asked once, when a process starts. A name that is new is registered then, after the key has opened something that
was encrypted under it, where there is anything.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import InternalError, transaction

from tracker.accounts import email_encryption
from tracker.audit import anchors
from tracker.clinics.models import Clinic
from tracker.keys import data_keys
from tracker.keys.models import DataKey, KeyFingerprint, MasterKey
from tracker.lib import app_secrets, database_errors, encryption, logs, rls

log = logs.get(__name__)


class WrongKey(Exception):
    """A key in the settings is not the one that it was; the text is one sentence for the operator."""


@dataclass(frozen=True)
class _Key:
    """A key in the settings: its name in the database, the setting it is in, and its fingerprint."""

    name: str
    setting: str
    fingerprint: bytes


def check(*, at: datetime) -> None:
    """
    Compare the keys in the settings with the database's fingerprints; register those with a new name.

    :raises WrongKey: if one of them is not the key that it was.
    """
    known = _known()
    _compare(known)
    _check_open()
    _check_complete(known)
    _check_anchor_key(known)
    unregistered = [key for key in [*_master_keys(), _lookup_key(), *_anchor_keys()] if key.name not in known]
    registrable = [
        key for key in unregistered if _opens_what_is_there(key) or key.setting != "MASTER_KEYS_OLD"
    ]
    if registrable:
        _register(registrable, at)
        # Two first starts at once with different keys: the second finds the first one's.
        _compare(_known())


def _master_keys() -> list[_Key]:
    return [
        _Key(
            f"master/{key_id}",
            "MASTER_KEY" if key_id == settings.MASTER_KEY_ID else "MASTER_KEYS_OLD",
            data_keys.fingerprint(f"master/{key_id}", key),
        )
        for key_id, key in app_secrets.keyring().items()
    ]


def _lookup_key() -> _Key:
    return _Key("lookup", "LOOKUP_KEY", data_keys.fingerprint("lookup", settings.LOOKUP_KEY))


def _anchor_keys() -> list[_Key]:
    """Return the anchor key; none in a process that signs no anchors."""
    if settings.ANCHOR_KEY is None:
        return []
    public = anchors.public_key(settings.ANCHOR_KEY)
    return [_Key(f"anchor/{hashlib.sha256(public).hexdigest()[:16]}", "ANCHOR_KEY", public)]


def _known() -> dict[str, bytes]:
    rows = KeyFingerprint.objects.order_by("first_seen_at", "name").values_list("name", "fingerprint")
    return {name: bytes(fingerprint) for name, fingerprint in rows}


def _compare(known: dict[str, bytes]) -> None:
    for key in [*_master_keys(), _lookup_key()]:
        if known.get(key.name, key.fingerprint) != key.fingerprint:
            raise _wrong(key)


def _wrong(key: _Key) -> WrongKey:
    if key.name == "lookup":
        return WrongKey("LOOKUP_KEY is not the key that this database was made with: put that one back.")
    key_id = key.name.removeprefix("master/")
    return WrongKey(
        f"{key.setting} holds another key than the one that this database knows as {key_id}: put that one back, or"
        ' give the new key an id of its own (docs/operations.md, "Rotating keys").'
    )


def _check_open() -> None:
    if MasterKey.objects.filter(pk=settings.MASTER_KEY_ID, is_open=False).exists():
        raise WrongKey(
            f"the master key {settings.MASTER_KEY_ID} was retired and encrypts nothing any more: MASTER_KEY_ID and"
            " MASTER_KEY must name the one that followed it."
        )


def _check_complete(known: dict[str, bytes]) -> None:
    """A process without a master key that is still in use would answer that nobody has an account."""
    for key_id in sorted({name.removeprefix("master/") for name in known if name.startswith("master/")}):
        if key_id not in app_secrets.keyring() and (
            key_id in email_encryption.key_ids() or _data_key(key_id)
        ):
            raise WrongKey(
                f"this database still needs the master key {key_id}: put it into MASTER_KEYS_OLD until"
                f" `manage.py keys retire {key_id}` has closed it."
            )


def _check_anchor_key(known: dict[str, bytes]) -> None:
    """Whoever signs with a new key names the public half of the former one: its anchors must still verify."""
    former = [public for name, public in known.items() if name.startswith("anchor/")]
    for own in _anchor_keys():
        if former and own.name not in known and former[-1] not in settings.ANCHOR_KEYS_OLD:
            raise WrongKey(
                "ANCHOR_KEY is not the key that signed this database's anchors: put that one back, or add its public"
                f" key {base64.b64encode(former[-1]).decode()} to ANCHOR_KEYS_OLD."
            )


def _opens_what_is_there(key: _Key) -> bool:
    """
    Open something that was encrypted under a master key; return whether there was anything.

    :raises WrongKey: if it does not open.
    """
    kind, _, key_id = key.name.partition("/")
    if kind != "master":
        return False
    try:
        return email_encryption.decrypt_any(key_id) or _unwrap_any(key_id)
    except encryption.DecryptionError:
        raise _wrong(key) from None


def _unwrap_any(key_id: str) -> bool:
    row = _data_key(key_id)
    if row is not None:
        data_keys.unwrap(row)
    return row is not None


def _data_key(key_id: str) -> DataKey | None:
    """Return a data key that is wrapped by this master key."""
    for clinic_id in list(Clinic.objects.values_list("pk", flat=True)):
        with transaction.atomic(), rls.as_clinic(clinic_id):
            row = DataKey.objects.filter(clinic_id=clinic_id, master_key_id=key_id).first()
        if row is not None:
            return row
    return None


def _register(keys: list[_Key], at: datetime) -> None:
    rows = [KeyFingerprint(name=key.name, fingerprint=key.fingerprint, first_seen_at=at) for key in keys]
    try:
        with transaction.atomic():
            KeyFingerprint.objects.bulk_create(rows, ignore_conflicts=True)
    except InternalError as problem:
        # A standby reads what the primary server has registered; what is new waits for a start on that one.
        if not database_errors.is_read_only(problem):
            raise
        log.warning("keys not registered, the database is read-only")

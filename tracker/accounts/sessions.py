"""
Sessions in PostgreSQL, looked up by the hash of their key; what they hold is encrypted.

The key is what a phone sends as ``X-Session-Token`` and a browser as a cookie. Whoever reads the table, or a backup
of it, finds only SHA-256 hashes of random 160-bit keys and can sign in with none of them.

Staff: 15 minutes without a request end a session, and so do 12 hours. Patients: 90 days without a request.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from tracker.accounts import routes
from tracker.accounts.models import Session
from tracker.lib import app_secrets, encryption

STAFF_IDLE, STAFF_WHOLE, PATIENT_IDLE = timedelta(minutes=15), timedelta(hours=12), timedelta(days=90)
# How long somebody has who has not finished signing in.
PENDING_SIGN_IN = timedelta(minutes=15)
# A use that is no further from the last one written than this is not written again.
TOUCH_INTERVAL = timedelta(minutes=1)
KIND, STARTED_AT, CLIENT, ACTING_AS = "kind", "began", "client", "acting_as"
STAFF, PATIENT = "staff", "patient"
# Where allauth keeps a sign-in that is not finished.
PENDING_LOGIN_KEY = "account_login"
_METHODS = "account_authentication_methods"
_PURPOSE = "accounts_session.session_data"


def key_hash(key: str) -> str:
    """Return what stands in the table for ``key``: 40 hexadecimal characters, as wide as the column."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def ends_at(data: dict[str, Any], at: datetime, *, on_phone: bool = False) -> datetime:
    """
    Return when a session that is used at ``at`` ends if it is not used again.

    ``on_phone``: it is bound to a patient's phone, whatever else its owner is.
    """
    if data.get(KIND) == PATIENT or on_phone:
        return at + PATIENT_IDLE
    if data.get(KIND) == STAFF:
        return min(at + STAFF_IDLE, datetime.fromtimestamp(data[STARTED_AT], UTC) + STAFF_WHOLE)
    return at + PENDING_SIGN_IN


@dataclass(frozen=True, slots=True)
class SessionData:
    """What the server knows of a session. All of it is the server's own; nothing comes with the request."""

    key: str
    data: dict[str, Any]
    device_id: UUID | None
    seen_at: datetime

    @property
    def user_id(self) -> UUID | None:
        """Who has signed in; None while nobody has."""
        try:
            return UUID(self.data[SESSION_KEY])
        except (KeyError, ValueError):
            return None

    @property
    def acts_as(self) -> UUID | None:
        """Which of the person's roles was chosen in this session (``access.roles``); None: the first that there is."""
        try:
            return UUID(self.data[ACTING_AS])
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def is_staffs(self) -> bool:
        """Whether it ends as early as that of staff must; one that was begun as a patient's alone does not."""
        return self.data.get(KIND) == STAFF and self.device_id is None

    @property
    def began_as(self) -> UUID | None:
        """Whose password was given while a second factor is still asked for."""
        try:
            return UUID(self.data[PENDING_LOGIN_KEY]["user_pk"])
        except (KeyError, ValueError, TypeError, AttributeError):
            return None

    @property
    def password_mark(self) -> str:
        """The mark of the password that the session was made with."""
        return str(self.data.get(HASH_SESSION_KEY, ""))

    @property
    def authenticated_at(self) -> datetime | None:
        """When the person last proved who they are."""
        proofs = [method["at"] for method in self.data.get(_METHODS, ())]
        return datetime.fromtimestamp(max(proofs), UTC) if proofs else None

    @property
    def has_second_factor(self) -> bool:
        """Whether a second factor was shown in this session: a code, a passkey, a recovery code."""
        return any(method["method"] == "mfa" for method in self.data.get(_METHODS, ()))


def load(key: str, at: datetime) -> SessionData | None:
    """
    Return what the session of ``key`` holds; None if there is none, or it has ended.

    One bare statement: a phone's token is looked up at every request.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_data, device_id, seen_at, user_id FROM accounts_session"
            " WHERE session_key = %s AND expire_date > %s",
            [key_hash(key), at],
        )
        row = cursor.fetchone()
    if row is None:
        return None
    held = SessionData(key, _opened(row[0], key_hash(key)), row[1], row[2])
    # If `user_id` differs from the encrypted payload the row was tampered with: treat the session as anonymous.
    return held if held.user_id == row[3] else SessionData(key, {}, row[1], row[2])


def user_of_token(token: str, at: datetime) -> UUID | None:
    """Return who has signed in with this token, if anybody has."""
    held = load_token(token, at)
    return held.user_id if held else None


def load_token(token: str, at: datetime) -> SessionData | None:
    """Return what the session of ``token`` holds; None too for what cannot be a token."""
    return load(token, at) if token.isascii() and token.isalnum() else None


def of_request(request: Any) -> SessionData | None:
    """
    Return the session of a request, read once: in the APIs that of ``X-Session-Token``, on a page that of the cookie.

    A phone's token in a cookie is nobody's.
    """
    if not hasattr(request, "auth_session"):
        request.auth_session = _of_request(request)
    found: SessionData | None = request.auth_session
    return found


def _of_request(request: Any) -> SessionData | None:
    if request.path.startswith(routes.API):
        return load_token(request.headers.get("X-Session-Token", ""), timezone.now())
    found = load_token(request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), timezone.now())
    return None if found is None or found.device_id is not None else found


def touch(held: SessionData, at: datetime) -> None:
    """Note that the session is in use, at most once a minute."""
    if at - held.seen_at < TOUCH_INTERVAL:
        return
    own = Session.objects.filter(pk=key_hash(held.key), seen_at=held.seen_at)
    ends = ends_at(held.data, at, on_phone=held.device_id is not None)
    own.update(seen_at=at, expire_date=ends)


def act_as(held: SessionData, role_id: UUID) -> None:
    """Keep in the session which of the person's roles it acts as from the next request on."""
    row, data = key_hash(held.key), held.data | {ACTING_AS: str(role_id)}
    text = app_secrets.encrypt(_PURPOSE, json.dumps(data).encode(), row)
    Session.objects.filter(pk=row).update(session_data=text)


def delete(key: str) -> None:
    """End the session of ``key``."""
    Session.objects.filter(pk=key_hash(key)).delete()


def delete_all(user_id: UUID, *, but: str | None = None) -> int:
    """End the sessions of somebody, all or all ``but`` the one of this key; return how many."""
    own = Session.objects.of(user_id)
    return int((own.exclude(pk=key_hash(but)) if but else own).delete()[0])


def delete_expired(*, at: datetime) -> int:
    """Remove the rows of sessions that have ended, and return how many; nobody was signed in by them any more."""
    return int(Session.objects.filter(expire_date__lte=at).delete()[0])


def list_for_user(user_id: UUID, at: datetime) -> list[Session]:
    """Return the sessions in which somebody is signed in at ``at``, latest used first."""
    return list(Session.objects.of(user_id).alive(at).order_by("-seen_at", "reference"))


def client_of(session: Session) -> str:
    """Return with what program somebody signed in, in that program's own words."""
    return str(_opened(session.session_data, session.pk).get(CLIENT, ""))


def is_reference_of(key: str, reference: UUID) -> bool:
    """Return whether ``reference`` is what the session of ``key`` is called in lists."""
    return bool(Session.objects.filter(pk=key_hash(key), reference=reference).exists())


def revoke(user_id: UUID, reference: UUID) -> bool:
    """End one session of somebody; return whether there was one."""
    return bool(Session.objects.of(user_id).filter(reference=reference).delete()[0])


def _opened(text: str, row: str) -> dict[str, Any]:
    try:
        held: dict[str, Any] = json.loads(app_secrets.decrypt(_PURPOSE, text, row))
    except encryption.DecryptionError:
        # Encrypted for another row, or before the master key was changed: whoever it was signs in again.
        return {}
    return held


class SessionStore(DatabaseSessions):
    """
    Django's database sessions, with the key hashed and the content encrypted at the table's edge.

    ``held`` is what ``read`` told when the session was loaded; None for one that is new or not loaded yet.
    """

    held: SessionData | None = None

    @classmethod
    def get_model_class(cls) -> type[Any]:
        return Session

    def encode(self, session_dict: Any) -> str:
        return app_secrets.encrypt(
            _PURPOSE, json.dumps(session_dict).encode(), key_hash(self.session_key or "")
        )

    def decode(self, session_data: Any) -> dict[str, Any]:
        return _opened(session_data, key_hash(self.session_key or ""))

    def load(self) -> dict[str, Any]:
        self.held = load(self._session_key, timezone.now()) if self._session_key else None
        if self.held is None:
            # A session that was deleted or has ended loses its key.
            self._session_key = None
            return {}
        return self.held.data

    def exists(self, session_key: str) -> bool:
        return bool(Session.objects.alive(timezone.now()).filter(pk=key_hash(session_key)).exists())

    def save(self, must_create: bool = False) -> None:
        """Write what the session holds; device, beginning and reference stay what they were."""
        if self.session_key is None:
            return self.create()
        data, at = self._get_session(no_load=must_create), timezone.now()  # type: ignore[attr-defined]
        values = {
            "session_data": self.encode(data),
            "user_id": data.get(SESSION_KEY),
            "seen_at": at,
            "expire_date": ends_at(data, at, on_phone=bool(self.held and self.held.device_id)),
        }
        own = Session.objects.filter(pk=key_hash(self.session_key))
        if not must_create:
            if not own.update(**values):
                raise UpdateError
            return None
        try:
            with transaction.atomic():
                Session.objects.create(pk=key_hash(self.session_key), began_at=at, **values)
        except IntegrityError:
            raise CreateError from None
        return None

    def cycle_key(self) -> None:
        """
        Give the session another key; device, beginning and reference stay what they were.

        :raises SessionInterrupted: if the session was ended meanwhile: it does not come back under the other key.
        """
        if self.session_key is None:
            return self.create()
        data, former = self._session, key_hash(self.session_key)  # type: ignore[attr-defined]
        self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
        # One statement decides the race with whoever ends the session.
        values = {"session_key": key_hash(self._session_key), "session_data": self.encode(data)}
        if not Session.objects.filter(pk=former).update(**values):
            raise SessionInterrupted
        self.modified = True
        return None

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            delete(key)


class BrowserSessionStore(SessionStore):
    """A session as a browser's cookie names it: one that is bound to a phone is none."""

    def load(self) -> dict[str, Any]:
        data = super().load()
        if self.held is None or self.held.device_id is None:
            return data
        self.held = self._session_key = None
        return {}

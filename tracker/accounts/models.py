"""Accounts: who can sign in, and who is signed in."""

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models

from tracker.accounts import addresses, passwords
from tracker.accounts.fields import EncryptedEmailField
from tracker.lib.constraints import one_of, sql_check
from tracker.lib.table_rights import TableRights


class AccountKind(models.TextChoices):
    """How the owner signs in: staff with a second factor. Only a patient's sign-in lasts longer than a day."""

    STAFF = "staff", "staff"
    PATIENT = "patient", "patient"
    CAREGIVER = "caregiver", "caregiver"


class UserManager(BaseUserManager["User"]):
    """Makes people who sign in with an e-mail address."""

    def create_user(self, email: str, password: str | None = None, *, kind: str, **more: Any) -> "User":
        user = self.model(email=addresses.normal_form(email), kind=kind, **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=username or "")


class User(AbstractBaseUser):
    """
    Somebody who can sign in. Names and roles stand in the clinic's own rows, behind row-level security.

    ``email`` is encrypted: sign-in asks for it before anybody is known, so no row security can stand before it.
    ``kind`` says how somebody signs in, never what they may see. It is set where the account is made;
    it becomes another when a patient accepts a role of a caregiver, or anybody one of staff, and never becomes less.
    """

    db_rights = TableRights(fixed=("id",))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = EncryptedEmailField(max_length=254, unique=True)
    kind = models.CharField(max_length=9, choices=AccountKind.choices)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            one_of("kind", AccountKind, name="user_kind_is_known"),
            # An address itself has an @, and no ciphertext has one.
            sql_check("email ~ '^[^:@]{1,32}:[A-Za-z0-9+/]{24,}=*$'", name="user_email_is_encrypted"),
        ]

    def __str__(self) -> str:
        return f"user/{self.pk}"

    def set_password(self, raw_password: str | None) -> None:
        """Hash the normal form of a password; None makes one that nothing matches."""
        super().set_password(None if raw_password is None else passwords.normal_form(raw_password))

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether it is the password, in any spelling that has the same normal form."""
        if raw_password is None:
            return False
        # No short cut where the hash is of the text as typed: to hash it anew would end every session.
        return any(super(User, self).check_password(form) for form in passwords.forms(raw_password))


class FormerEmail(models.Model):
    """
    An address that an account had until ``replaced_at`` (``accounts.former_emails``).

    ``code`` is a keyed hash of what was mailed there, which undoes the change; None once it undoes no more. No
    row-level security: it is asked for before anybody is known.
    """

    db_rights = TableRights(delete="replaced more than a month ago", fixed=("id", "user", "replaced_at"))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="+")
    email = EncryptedEmailField(max_length=254, db_index=True)
    replaced_at = models.DateTimeField(db_index=True)
    code = models.BinaryField(max_length=32, null=True)

    class Meta:
        constraints = [
            sql_check("email ~ '^[^:@]{1,32}:[A-Za-z0-9+/]{24,}=*$'", name="former_email_is_encrypted"),
            models.UniqueConstraint(fields=["code"], name="former_email_code_is_given_once"),
        ]

    def __str__(self) -> str:
        return f"former-email/{self.pk}"


class ThrottleCount(models.Model):
    """
    How often something was tried within a window, by a keyed hash (``accounts.throttle``).

    The mark of a used one-time code is a count too. The table is UNLOGGED: a crash of PostgreSQL empties it. No
    row-level security: it is written before anybody is known.
    """

    db_rights = TableRights(delete="a count whose window has ended")
    key = models.CharField(primary_key=True, max_length=160)
    count = models.IntegerField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return "throttle-count"


class KnownDevice(models.Model):
    """
    A device on which an account has signed in, by a keyed hash of both (``accounts.known_devices``).

    No row-level security: it is read before anybody is known.
    """

    db_rights = TableRights(delete="a device that nobody has used for long")
    key = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return "known-device"


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions, narrowed in words of the domain."""

    def of(self, user_id: uuid.UUID) -> Self:
        return self.filter(user_id=user_id)

    def alive(self, at: datetime) -> Self:
        return self.filter(expire_date__gt=at)


class Session(AbstractBaseSession):
    """
    One sign-in, found by the hash of its key (``accounts.sessions``).

    No row-level security: it is read before anybody is known.

    ``device_id`` is the patient's phone that it is bound to, once and for good. ``expire_date`` moves with use, and
    never beyond the end that the kind of session has.
    """

    db_rights = TableRights(delete="a session that has ended")
    reference = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    device_id = models.UUIDField(null=True)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    objects: ClassVar[Any] = BaseSessionManager.from_queryset(SessionQuerySet)()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(device_id__isnull=True) | models.Q(user__isnull=False),
                name="session_of_a_device_is_somebodys",
            ),
        ]

    def __str__(self) -> str:
        return f"session/{self.reference}"

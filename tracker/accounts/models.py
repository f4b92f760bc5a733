"""Who signs in."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from tracker.accounts.fields import EncryptedEmailField
from tracker.lib.constraints import sql_check


class UserManager(BaseUserManager["User"]):
    """Makes people who sign in with an e-mail address."""

    def create_user(self, email: str, password: str | None = None, **more: Any) -> "User":
        user = self.model(email=email.strip().lower(), **more)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """
    Somebody who can sign in. Names and roles stand in the clinic's own rows, behind its wall.

    ``email`` is sealed: sign-in asks for it before anybody is known, so no wall can stand before it.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = EncryptedEmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            # An address itself has an @, and no seal has one.
            sql_check("email ~ '^[^:@]{1,32}:[A-Za-z0-9+/]{24,}=*$'", name="user_email_is_encrypted"),
        ]

    def __str__(self) -> str:
        return f"user/{self.pk}"

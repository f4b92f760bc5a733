"""Who is signed in, and on which device."""

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models

from tracker.accounts.models import User


class SessionQuerySet(models.QuerySet["Session"]):
    """Sessions, narrowed in words of the domain."""

    def of(self, user_id: uuid.UUID) -> Self:
        return self.filter(user_id=user_id)

    def alive(self, at: datetime) -> Self:
        return self.filter(expire_date__gt=at)


class Session(AbstractBaseSession):
    """
    One sign-in, found by the hash of its key (``accounts.sessions``). No wall: it is asked before anybody is known.

    ``device_id`` is the patient's phone that it is bound to, once and for good. ``expire_date`` moves with use, and
    never beyond the end that the kind of session has.
    """

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

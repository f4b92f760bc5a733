"""Who acts in a clinic, as far as this app has to know: ``access.principal.Principal`` is one."""

from datetime import datetime
from typing import Protocol
from uuid import UUID


class Actor(Protocol):
    """Somebody of a clinic who has signed in."""

    @property
    def user_id(self) -> UUID: ...

    @property
    def clinic_id(self) -> UUID: ...

    @property
    def role(self) -> str: ...

    @property
    def staff_id(self) -> UUID | None: ...

    @property
    def actor(self) -> str: ...

    def audit(
        self, action: str, subject: object, *, at: datetime, patient_id: UUID | None = None
    ) -> None: ...

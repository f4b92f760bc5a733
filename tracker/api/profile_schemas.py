"""A patient's profile on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.access import profile
from tracker.access.profile import Profile
from tracker.lib import days
from tracker.lib.strict_model import StrictModel, ZoneAsSent
from tracker.lib.strict_text import Name


def _known_zone(name: str) -> str:
    if name not in days.names():
        raise PydanticCustomError("unknown_time_zone", "must be an IANA time zone, such as Europe/Amsterdam")
    return name


# E.164; empty is none.
PhoneNumber = Annotated[
    str,
    Field(pattern=r"^(\+[1-9][0-9]{6,14})?$", description="E.164, such as `+31201234567`; empty for none"),
]
Zone = Annotated[ZoneAsSent, AfterValidator(_known_zone)]


class TimeZonePeriod(BaseModel):
    """Since when somebody has lived in a time zone; null: since they were enrolled."""

    time_zone: str
    since: datetime | None


class ProfileOut(BaseModel):
    """
    What a patient says of themselves. ``version`` goes into ``If-Match`` of a change, as ``"3"``.

    ``time_zones`` are those that they have lived in, the newest first. What was recorded keeps its day, whichever it is
    now. ``unreadable``: the telephone number cannot be decrypted at present.
    """

    version: int
    email: str | None
    phone: str | None
    unreadable: bool
    time_zones: list[TimeZonePeriod]


class ProfileVersionOut(BaseModel):
    """A profile as it was from ``since`` on; ``name`` and ``phone`` are null too where they are ``unreadable``."""

    version: int
    name: str | None
    phone: str | None
    time_zone: str
    since: datetime | None
    unreadable: bool


class ProfileVersions(BaseModel):
    versions: list[ProfileVersionOut]


class ProfileIn(StrictModel):
    """What is to change; what is not named stays as it is. A new telephone number needs a sign-in of five minutes."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    name: Name = ""
    phone: PhoneNumber = ""
    time_zone: Zone = ""

    @model_validator(mode="after")
    def _something_changes(self) -> "ProfileIn":
        if not self.model_fields_set:
            raise PydanticCustomError("empty", "at least one field is required")
        return self

    def changes(self) -> dict[str, str]:
        """Return what is named, by its name."""
        return self.model_dump(exclude_unset=True)


def profile_out(versions: Sequence[Profile], email: str | None) -> dict[str, Any]:
    """Return the newest of ``versions`` as the wire has it."""
    now = versions[0]
    periods = [{"time_zone": each.time_zone, "since": each.starts_at} for each in profile.zones(versions)]
    return {
        "version": now.version, "email": email, "phone": now.phone or None, "unreadable": now.phone is None,
        "time_zones": periods,
    }  # fmt: skip


def version_out(each: Profile) -> dict[str, Any]:
    """Return one version as the wire has it."""
    return {
        "version": each.version, "name": each.name, "phone": each.phone or None, "time_zone": each.time_zone,
        "since": each.starts_at, "unreadable": each.phone is None,
    }  # fmt: skip

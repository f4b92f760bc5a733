"""
Pydantic models of what is received, and the field types that they share. Pure.

Booleans are not integers, number strings are not numbers, unknown fields are refused by name.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tracker.lib import days

_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def as_instant(value: Any) -> datetime:
    """Read an RFC 3339 instant with an offset; its microseconds are kept, finer digits are cut."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset")
    try:
        at = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset") from None
    if not _EARLIEST <= at < _LATEST:
        raise PydanticCustomError("instant_out_of_range", "must be a year from 1970 to 2199")
    return at


def _uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    try:
        if isinstance(value, str) and len(value) == 36:
            return UUID(value)
    except ValueError:
        pass
    raise PydanticCustomError("not_a_uuid", "must be a UUID with hyphens")


def _time_zone(value: str) -> str:
    try:
        days.zone(value)
    except days.UnknownZoneError:
        raise PydanticCustomError(
            "unknown_time_zone", "must be an IANA time zone, such as Europe/Amsterdam"
        ) from None
    return value


def code_from(codes: Sequence[str]) -> Any:
    """One of ``codes``. The schema names them all."""
    return Literal[tuple(codes)]


Instant = Annotated[datetime, BeforeValidator(as_instant)]
Id = Annotated[UUID, BeforeValidator(_uuid)]
TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_time_zone)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]


class StrictModel(BaseModel):
    """Strict and closed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

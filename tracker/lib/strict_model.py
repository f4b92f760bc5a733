"""Base model and field types of everything that a client sends: strict, closed, each error with a stable code. Pure."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tracker.lib import days
from tracker.lib.strict_text import STORABLE

_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$", re.ASCII)
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$", re.ASCII)
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class StrictModel(BaseModel):
    """Strict and closed. A free text in it is a ``strict_text.Text``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


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


def _day(value: Any) -> date:
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and _DAY.match(value):
            return days.parse_date(value)
        raise ValueError
    except ValueError:
        raise PydanticCustomError("not_a_day", "must be a day such as 1980-12-31") from None


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
Day = Annotated[date, BeforeValidator(_day)]
TimeZone = Annotated[str, Field(max_length=64), STORABLE, AfterValidator(_time_zone)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]

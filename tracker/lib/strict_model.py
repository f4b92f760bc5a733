"""Base model and field types of everything that a client sends: strict, closed, each error with a stable code. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from tracker.lib import days
from tracker.lib.strict_text import STORABLE

# The patterns stand in the schema too: what fits them and is a day of the calendar is taken.
_DATE = r"-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_TIME = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?"
_RFC3339 = rf"^(19[7-9][0-9]|2[01][0-9]{{2}}){_DATE}[Tt ]{_TIME}([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
_DAY = rf"^(19|20|21)[0-9]{{2}}{_DATE}$"
_LOOKS_LIKE_AN_INSTANT = re.compile(
    r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$", re.ASCII
)
_YEARS = range(1970, 2200)


def _any_case(words: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in words)


# Not a path, not a file beside the zones, and not a name for whatever a machine is set to.
_MACHINE = _any_case("localtime|factory|posixrules|leapseconds")
_ZONE_NAME = (
    rf"^(?!({_MACHINE})$|(posix|right)/|[./\s]|.*(\.\.|//|\\|/$|\.(tab|zi|list)$))"
    r"[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$"
)


class StrictModel(BaseModel):
    """Strict and closed. A free text in it is a ``strict_text.Text``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def _minutes(at: datetime) -> int:
    offset = at.utcoffset()
    assert offset is not None
    return offset // timedelta(minutes=1)


def as_instant(value: Any) -> datetime:
    """Read an RFC 3339 instant with an offset, in UTC; its microseconds are kept, finer digits are cut."""
    return as_sent(value).astimezone(UTC)


def as_sent(value: Any) -> datetime:
    """Read an instant as ``as_instant`` does, and keep its offset (``days.offset_minutes``)."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _LOOKS_LIKE_AN_INSTANT.match(value):
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset")
    try:
        # Python knows the capital letters only; RFC 3339 takes small ones too.
        local = datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("not_an_instant", "must be an RFC 3339 instant with an offset") from None
    if local.year not in _YEARS:
        raise PydanticCustomError("instant_out_of_range", "must be a year from 1970 to 2199")
    # RFC 3339, 4.3: -00:00 says no more of the place than Z does.
    is_known = value[-1] not in "Zz" and not value.endswith("-00:00")
    return local.astimezone(days.fixed_offset(_minutes(local) if is_known else None))


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
        return days.parse_date(value)
    except (TypeError, ValueError):
        raise PydanticCustomError("not_a_day", "must be a day such as 1980-12-31") from None


def _zone_as_sent(value: str) -> str:
    if not re.fullmatch(_ZONE_NAME, value):
        raise PydanticCustomError("unknown_time_zone", "must be an IANA time zone, such as Europe/Amsterdam")
    return value


def code_from(name: str, codes: Iterable[str]) -> Any:
    """One of ``codes``. The schema names them all, once, under ``name``: generated clients call the type so."""
    return TypeAliasType(name, Literal[tuple(map(str, codes))])


# What the schema says of a number that is kept with so many decimals.
DECIMALS = {1: "Rounded to one decimal.", 2: "Rounded to two decimals.", 3: "Rounded to three decimals."}


def rounded_to(places: int) -> BeforeValidator:
    """
    A number that is kept with so many decimals.

    What is finer is the noise of a conversion (38.39999999999998), and is rounded, before the limits are looked at: a
    number is never refused for it.
    """

    def rounded(value: Any) -> Any:
        # Without the sign of a zero, which is no value of its own.
        return round(value, places) + 0.0 if type(value) is float else value

    return BeforeValidator(rounded)


def _pattern(pattern: str) -> Any:
    return Field(json_schema_extra={"pattern": pattern})


def _utc(at: datetime) -> datetime:
    return at.astimezone(UTC)


Instant = Annotated[datetime, BeforeValidator(as_instant), _pattern(_RFC3339)]
# Equal however it was spelt: the offset is kept beside the content.
InstantAsSent = Annotated[
    datetime, BeforeValidator(as_sent), PlainSerializer(_utc, return_type=datetime), _pattern(_RFC3339)
]
Id = Annotated[UUID, BeforeValidator(_uuid)]
Day = Annotated[date, BeforeValidator(_day), _pattern(_DAY)]
# What a phone calls its zone. A name that is not known refuses no entry; what is no name of a zone does.
ZoneAsSent = Annotated[
    str,
    Field(min_length=1, max_length=64, json_schema_extra={"pattern": _ZONE_NAME}),
    STORABLE,
    AfterValidator(_zone_as_sent),
]
Code = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
Version = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$")]

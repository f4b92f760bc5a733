"""
Text that can be stored: without NUL, which PostgreSQL refuses, and lone surrogates, which UTF-8 cannot hold. Pure.

Every free text of a request is ``Text``, or has ``STORABLE`` after its other constraints.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def is_bad(text: Any) -> bool:
    """Return whether a text holds NUL or a lone surrogate."""
    if not isinstance(text, str):
        return False
    try:
        # In one pass of C: a regular expression takes six times as long for a page of a journal.
        return b"\x00" in text.encode()
    except UnicodeEncodeError:
        return True


def printable(text: str) -> str:
    """Return a text in which U+FFFD stands for NUL and for each byte of a lone surrogate."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\x00", "\ufffd")


def refuse_bad(text: str) -> str:
    """Return a text that can be stored; refuse any other."""
    if is_bad(text):
        raise PydanticCustomError("bad_text", "holds NUL or half a character")
    return text


@dataclass(frozen=True)
class _Storable:
    """Refuses what cannot be stored; the schema of a text says so. JSON in UTF-8 holds no lone surrogate anyway."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(refuse_bad, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"pattern": _WITHOUT_NUL} | handler(schema)


# Controls (a new line among them), and what turns the direction of the text around it: a name stands within sentences.
_UNSEEN = r"\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
NAME_PATTERN = rf"^ *[^\s{_UNSEEN}][^{_UNSEEN}]*$"
_WITHOUT_NUL = r"^[^\u0000]*$"
STORABLE = _Storable()
Text = Annotated[str, STORABLE]
# Of a person.
Name = Annotated[
    str, Field(min_length=1, max_length=120, pattern=NAME_PATTERN), STORABLE, AfterValidator(str.strip)
]

"""
Codes are UPPER_CASE where they are stored and lower case on the wire: the one place that turns them. Pure.

What people read is neither, but the label.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def to_wire(code: str) -> str:
    """Return a stored code as the wire has it."""
    return code.lower()


def all_to_wire(codes: Iterable[str]) -> list[str]:
    """Return stored codes as the wire has them, in their order."""
    return [to_wire(code) for code in codes]


def to_stored(code: str) -> str:
    """Return a code of the wire as it is stored."""
    return code.upper()


@cache
def _of_the_wire(stored: type[StrEnum]) -> Any:
    """The enum as the schema tells it: under the same name, with the codes of the wire."""
    make: Any = StrEnum
    wire = make(stored.__name__, {member.name: to_wire(member.value) for member in stored})
    wire.__doc__ = stored.__doc__
    return wire


@dataclass(frozen=True)
class LowerCase:
    """Annotates an enum in a pydantic model: the wire, and the schema, have the lower-case code of each member."""

    def __get_pydantic_core_schema__(
        self, source: type[StrEnum], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Called by pydantic: one of the codes, or a member, in; the member out."""
        codes = handler.generate_schema(Annotated[_of_the_wire(source), Field(strict=False)])
        member = core_schema.no_info_after_validator_function(lambda code: source(to_stored(code)), codes)
        return core_schema.no_info_before_validator_function(
            lambda code: to_wire(code) if isinstance(code, source) else code, member
        )

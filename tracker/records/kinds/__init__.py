"""
The kinds of record: one file each, found by their being here.

A file holds the table, the payload, the observations, the measures and the words of its kind, and names it ``KIND``.
"""

import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import Field, TypeAdapter, create_model

from tracker.records.kinds.base import Envelope, Kind, Payload, ranges


def _in_package() -> Iterator[Kind]:
    for module in pkgutil.iter_modules(__path__):
        if module.name != "base":
            yield import_module(f"{__name__}.{module.name}").KIND


def registry(kinds: Iterable[Kind]) -> Mapping[str, Kind]:
    """
    Return the kinds by name.

    :raises ValueError: naming what contradicts itself in their declarations.
    """
    found = tuple(kinds)
    for what in ("name", "prefix", "model"):
        twice = [value for value, n in Counter(getattr(kind, what) for kind in found).items() if n > 1]
        if twice:
            raise ValueError(f"two kinds of record have one {what}: {twice[0]}")
    faults = [f"{kind.name}: {fault}" for kind in found for fault in _faults(kind)]
    if faults:
        raise ValueError("; ".join(faults))
    return {kind.name: kind for kind in found}


def _faults(kind: Kind) -> Iterator[str]:
    fields = ranges(kind.payload)
    for measure in kind.measures:
        if not measure.code.startswith(kind.prefix):
            yield f"the measure {measure.code} must begin with {kind.prefix}"
        wanted = fields.get(measure.code.removeprefix(kind.prefix))
        if wanted and wanted != (measure.low, measure.high):
            yield f"{measure.code} is {measure.low:g} to {measure.high:g}, but its field is {wanted}"
    if kind.to_columns is None and set(kind.columns) != set(kind.payload.model_fields):
        yield "its columns are not the payload's fields, and to_columns does not say which they are"
    if kind.category is None and "category" not in kind.columns:
        yield "it has no category, and its rows do not name theirs"


def _record(kind: Kind) -> type[Envelope]:
    """The kind's envelope, such as ``MedicationUseRecord``."""
    name = kind.name.title().replace("_", "") + "Record"
    return create_model(
        name,
        __base__=Envelope,
        __doc__=kind.payload.__doc__,
        kind=(Literal[kind.name], ...),  # type: ignore[arg-type]
        data=(kind.payload | None, Field(default=None, examples=[kind.example])),  # type: ignore[arg-type]
    )


KINDS: Mapping[str, Kind] = registry(_in_package())
if TYPE_CHECKING:
    Record = Envelope
    Data = Payload
else:
    Record = Annotated[Union[tuple(map(_record, KINDS.values()))], Field(discriminator="kind")]  # noqa: UP007
    Data = Union[tuple(kind.payload for kind in KINDS.values())]  # noqa: UP007
RECORD: TypeAdapter[Envelope] = TypeAdapter(Record)

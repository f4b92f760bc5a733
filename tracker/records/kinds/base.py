"""What a kind of record is made of: ``Kind``, the payload's base, the envelope, and helpers for their fields."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import JSONObject
from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.instruments.alert_rules import AlertRule
from tracker.instruments.measures import Measure
from tracker.lib import bulk
from tracker.lib.strict_model import (
    DECIMALS,
    Id,
    InstantAsSent,
    StrictModel,
    ZoneAsSent,
    code_from,
    rounded_to,
)
from tracker.lib.strict_text import Text
from tracker.records.patient_record import ENVELOPE, AmendmentReason, PatientRecord
from tracker.records.reading_source import Origin, Source

if TYPE_CHECKING:
    from tracker.records.store import AcceptedRecord, Provenance

Scale0To10 = Annotated[int, Field(ge=0, le=10)]
# In the schema; validators of the model refuse what has nothing in it, and what is named twice.
AT_LEAST_ONE = ConfigDict(json_schema_extra={"minProperties": 1})
EACH_ONCE = Field(json_schema_extra={"uniqueItems": True})
# The columns in which every kind's recent entries come, so that they can be one list.
RECENT_COLUMNS = (
    "kind", "at", "time_zone", "utc_offset_minutes", "zone_check", "clock_skew", "origin", "source_who", "author_id",
    "local_date", "received", "what",
)  # fmt: skip


class Payload(StrictModel):
    """
    The data of a record on the wire.

    Its scales are those of the table's constraints; here a person gets a kind message, there the promise is kept.
    """


class Envelope(StrictModel):
    """
    A record on the wire, whatever its kind. ``data`` is there unless the record is removed.

    ``origin`` is ``imported`` of what the person brings along from elsewhere: it counts however old it is. ``source``
    says what a reading was made with.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"required": ["removed"], "properties": {"removed": {"const": True}}},
            "then": {"properties": {"data": False}},
            "else": {"required": ["data"], "properties": {"data": {}}},
        }
    )

    kind: Text
    id: Id
    revision: Annotated[int, Field(ge=1, le=2_000_000_000)]
    recorded_at: InstantAsSent
    time_zone: ZoneAsSent
    removed: bool = False
    amendment_reason: code_from("AmendmentReason", AmendmentReason.values) | None = None  # type: ignore[valid-type]
    origin: code_from("Origin", Origin.values) | None = None  # type: ignore[valid-type]
    source: Source | None = None
    data: Any = None

    @model_validator(mode="after")
    def _has_data_unless_removed(self) -> "Envelope":
        if (self.data is None) != self.removed:
            raise PydanticCustomError("data_missing", "data must be there, unless the record is removed")
        return self


def refuse_empty(data: Payload, what: str = "answer", *, beside: Sequence[str] = ()) -> None:
    """Refuse a payload in which nothing is set, but for the fields ``beside``."""
    if all(value is None for name, value in data.__dict__.items() if name not in beside):
        raise PydanticCustomError("empty", f"must hold at least one {what}")


# Two decimals: the minute can be told.
HoursOfDay = Annotated[float, Field(ge=0, le=24, description=DECIMALS[2]), rounded_to(2)]


def present(prefix: str, data: Any, *names: str) -> Iterator[tuple[str, float]]:
    """Yield (measure, value) for each of the named fields that has a value; a missing answer is never a zero."""
    for name in names:
        value = getattr(data, name)
        if value is not None:
            yield f"{prefix}.{name}", value


def ranges(payload: type[Payload]) -> dict[str, tuple[float, float]]:
    """Return the lowest and the highest value of each numeric field of a payload."""
    found = {}
    for name, schema in payload.model_json_schema()["properties"].items():
        for option in (schema, *schema.get("anyOf", ())):
            if "minimum" in option and "maximum" in option:
                found[name] = (option["minimum"], option["maximum"])
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Kind:
    """
    A kind of record: its table, its data on the wire, the numbers made of it, and the words for it.

    ``name`` is the wire's; ``noun`` and ``plural`` stand in counts, ``label`` heads a line of a list, ``line`` says
    what an entry holds, for staff. ``category`` is None where each row names its own. Most kinds are facts: what was
    written without knowing of ours is a conflict. One that ``merges`` is an intention: of two edits of different
    fields both stand.
    """

    name: str
    noun: str
    plural: str
    label: str
    model: type[PatientRecord]
    payload: type[Payload]
    category: Category | None
    # The data of a whole record, for the API's documentation and the tests.
    example: Mapping[str, Any]
    line: Callable[[Any], str]
    # (measure, value) of a record's data, and the measures that may come of it: declared here, stated by a catalogue
    # file that is read when first needed, or made from the code where there is one for each medication. Of those the
    # ones that can be listed.
    observations: Callable[[Any], Iterable[tuple[str, float]]] = lambda data: ()
    measures: tuple[Measure, ...] = ()
    catalogue_measures: Callable[[], tuple[Measure, ...]] = tuple
    measure_of: Callable[[str], Measure | None] = lambda code: None
    listed_measures: Callable[[], Iterable[Measure | None]] = tuple
    measure_prefix: str = ""
    # Rules of the kind's own, and the questionnaire whose rules hold for its items.
    alert_rules: tuple[AlertRule, ...] = ()
    instrument: str | None = None
    scored: bool = False
    merges: bool = False
    # Whether a caregiver writes them too, whom the patient lets. Answers to a questionnaire are the patient's own, or
    # their score would be another one's; so are a page of the journal and what the patient means to do.
    caregivers_write: bool = False
    # The values that a row has if others than the patient may read it, and about how much text it carries (SQL).
    visible_to_others: Mapping[str, str] = field(default_factory=dict)
    free_bytes: str = "0"
    # Where the columns are not the payload's fields: data to columns, and a row to data.
    to_columns: Callable[[Any], dict[str, Any]] | None = None
    from_row: Callable[[Any], dict[str, Any]] | None = None
    # What is written beside the rows in the same transaction, and what of it belongs to the data again: None of a row
    # whose part can no longer be decrypted.
    store_beside: "Callable[[Provenance, Sequence[AcceptedRecord]], None] | None" = None
    load_beside: Callable[[UUID, Sequence[Any]], Mapping[tuple[UUID, int], dict[str, Any] | None]] | None = (
        None
    )
    # What the server has made of rows, by id and revision: shown beside the data, and never sent.
    load_scoring: Callable[[UUID, Sequence[Any]], Mapping[tuple[UUID, int], dict[str, Any]]] | None = None
    # Bytes of that part, for as many rows as one answer may not take; asked for before it is loaded.
    size_beside: Callable[[UUID, Sequence[Any]], Mapping[tuple[UUID, int], int]] | None = None
    # Stand-ins for what stands beside, where numbers alone are derived again.
    placeholders: Mapping[str, Any] = field(default_factory=dict)
    # The instant that an entry is about, where its data name one: a night belongs to the day of getting up.
    occurred_at: Callable[[Any], datetime | None] = lambda data: None
    # What ``line`` reads: columns (all, unless named), and expressions over the row.
    line_columns: tuple[str, ...] = ()
    line_expressions: Callable[[], Mapping[str, Any]] = dict

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def prefix(self) -> str:
        """What the names of the kind's measures begin with."""
        return self.measure_prefix or f"{self.name}."

    @property
    def is_entry(self) -> bool:
        """Whether a record tells of something that happened, which an intention does not."""
        return not self.merges

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The columns of the data, beside those of the envelope."""
        fields = (field for field in self.model._meta.concrete_fields if field.column)
        return tuple(field.attname for field in fields if field.attname not in ENVELOPE)

    @cached_property
    def row_type(self) -> Any:
        """The named tuple of a whole row."""
        return bulk.row_type(*ENVELOPE, *self.columns)

    def to_row(self, data: Any) -> dict[str, Any]:
        """Return the columns of a record's data."""
        if self.to_columns is not None:
            return self.to_columns(data)
        return {name: getattr(data, name) for name in self.columns}

    def to_data(self, row: Any) -> dict[str, Any]:
        """Return a row's data as the wire has it, without what is not set."""
        if self.from_row is not None:
            return self.from_row(row)
        return {name: value for name in self.columns if (value := getattr(row, name)) is not None}

    def category_of(self, row: Any) -> Category:
        """Return the category of consent that a row is of."""
        return self.category or Category(row.category)

    def is_visible_to_others(self, row: Any) -> bool:
        """Whether others than the patient may read the row, if its category is shared with them."""
        return all(getattr(row, column) == value for column, value in self.visible_to_others.items())

    def rows(self, patient_id: Any, *, as_patient: bool = True) -> QuerySet[Any]:
        """Return a patient's rows of this kind; without ``as_patient`` those that others may read."""
        hidden = {} if as_patient else self.visible_to_others
        return self.model._default_manager.filter(patient=patient_id, **hidden)

    def recent(self, patient_id: UUID, latest: date, limit: int) -> QuerySet[Any, dict[str, Any]]:
        """Return the newest entries up to the day ``latest`` for the lists that staff read, in ``RECENT_COLUMNS``."""
        columns = {name: name for name in self.line_columns or self.columns}
        rows = self.rows(patient_id, as_patient=False).filter(removed_at=None, local_date__lte=latest)
        recent: QuerySet[Any, dict[str, Any]] = (
            rows.order_by("-local_date", "-recorded_at")
            .annotate(
                kind=Value(self.name, CharField()),
                at=F("recorded_at"),
                received=F("received_at"),
                what=JSONObject(**columns, **self.line_expressions()),
            )
            .values(*RECENT_COLUMNS)[:limit]
        )
        return recent

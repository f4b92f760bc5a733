"""What the routes take and give, as the schema tells it. Records themselves are in ``records.kinds``."""

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, RootModel
from pydantic_core import PydanticCustomError

from tracker.lib.strict_model import Id, Instant, StrictModel
from tracker.records.kinds import Data, Record


class Problem(BaseModel):
    """RFC 9457, with a stable ``code`` and the fields that could not be taken."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[dict[str, str]] = []


class Push(StrictModel):
    """
    A batch of up to 500 records. The same ``key`` again gets the same receipt.

    ``cursor`` is the phone's own pull cursor, if it has one: where nothing happened in between, the reply's
    goes past this batch.
    """

    key: Annotated[str, Field(min_length=8, max_length=80, pattern=r"^[A-Za-z0-9._-]+$")]
    device: Id
    records: Annotated[list[Any], Field(max_length=500)]
    cursor: Annotated[str, Field(max_length=400)] | None = None


class PushRecords(BaseModel):
    """The body of a push as a phone writes it; each record gets a status of its own."""

    key: str
    device: UUID
    records: list[Record]
    cursor: str | None = None


class OneRecord(RootModel[Record]):
    """One record as a phone writes it."""


class HeldRecord(BaseModel):
    """A record as the server holds it. A tombstone (``removed``) has no data."""

    kind: str
    category: str
    id: UUID
    revision: int
    recorded_at: datetime
    time_zone: str
    local_date: date
    received_at: datetime
    entered_late: bool
    clock_skew: Literal["none", "ahead", "behind"]
    sequence: int
    removed: bool
    amendment_reason: str | None = None
    data: Data | dict[str, Any] | None = None


class Author(BaseModel):
    id: UUID
    name: str


class RecordVersion(HeldRecord):
    """One version. ``overwritten`` holds what a merge of two edits of a plan replaced."""

    author: Author
    device: UUID | None
    replaced_at: datetime | None
    overwritten: dict[str, Any] | None = None


class RecordHistory(BaseModel):
    versions: list[RecordVersion]


class PushResult(BaseModel):
    """What became of one record, in the order sent."""

    id: str | None
    status: Literal["stored", "replayed", "conflict", "rejected", "retry"]
    revision: int | None = None
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None
    server: HeldRecord | None = None


class Guidance(BaseModel):
    """What to show at once when an answer raised an alert. It never says that somebody is watching."""

    crisis_text: str
    disclaimer: str


class PushReceipt(BaseModel):
    """The reply to a push."""

    receipt: UUID
    results: list[PushResult]
    guidance: Guidance | None = None
    cursor: str


class PullPage(BaseModel):
    """
    What changed since the cursor, in order. ``revoked_ids`` and ``revoked_categories`` are what the
    reader may no longer see: their copies of it have to go.
    """

    records: list[HeldRecord]
    revoked_ids: list[UUID]
    revoked_categories: list[str]
    cursor: str
    more: bool


class RecordPage(BaseModel):
    """A page of records, newest first."""

    records: list[HeldRecord]
    next: str | None = None


class RecordReply(BaseModel):
    """One record as it is held now, with guidance if an answer raised an alert."""

    status: Literal["stored", "replayed"]
    record: HeldRecord
    guidance: Guidance | None = None


class ClinicOut(BaseModel):
    name: str
    time_zone: str


class CheckInOut(BaseModel):
    id: UUID
    starts_at: datetime
    local_time: str
    time_zone: str
    minutes: int
    clinician: str
    patient: UUID
    cancelled: bool


class CheckInIn(StrictModel):
    """A check-in to plan: the patient, when it starts, and for how long (5 to 240 minutes)."""

    patient: Id
    starts_at: Instant
    minutes: Annotated[int, Field(ge=5, le=240)] = 20


class CheckInList(BaseModel):
    check_ins: list[CheckInOut]


class Me(BaseModel):
    """Who is signed in, and what a phone shows first. ``crisis`` is for offline use too."""

    id: UUID
    role: Literal["patient", "clinician", "coordinator", "administrator"]
    name: str
    patient: UUID | None
    time_zone: str
    clinic: ClinicOut
    crisis: Guidance
    unread_messages: int
    check_ins: list[CheckInOut]


class DeviceIn(StrictModel):
    """A phone that is paired: its own id, and a label to tell it by."""

    id: Id
    label: Annotated[str, Field(max_length=80)] = ""


def _day(value: Any) -> Any:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value, re.ASCII):
        raise PydanticCustomError("not_a_day", "must be a day such as 1980-12-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("not_a_day", "must be a day such as 1980-12-31") from None


Day = Annotated[date, BeforeValidator(_day)]


class InvitationIn(StrictModel):
    """An invitation's code as the clinic gave it, the date of birth, and the account to make."""

    code: Annotated[str, Field(min_length=8, max_length=40)]
    birth_date: Day
    email: Annotated[str, Field(max_length=254, pattern=r"^[^\s@\x00]+@[^\s@\x00]+\.[^\s@\x00]+$")]
    password: Annotated[str, Field(min_length=1, max_length=1000)]


class DeviceOut(BaseModel):
    id: UUID
    label: str
    paired_at: datetime
    retired_at: datetime | None
    this_one: bool


class DeviceList(BaseModel):
    devices: list[DeviceOut]


class SessionOut(BaseModel):
    """One sign-in of the caller's. ``client`` is what the program called itself."""

    id: UUID
    client: str
    device: UUID | None
    began_at: datetime
    seen_at: datetime
    ends_at: datetime
    this_one: bool


class SessionList(BaseModel):
    sessions: list[SessionOut]


class MessageOut(BaseModel):
    id: UUID
    text: str
    about: str
    sent_at: datetime
    read: bool


class MessageList(BaseModel):
    messages: list[MessageOut]


class ObservationOut(BaseModel):
    at: datetime
    local_date: date
    value: float
    band: str
    source: UUID


class MeasureOut(BaseModel):
    """A measure: unit, the ends of its scale, and which direction is worse."""

    measure: str
    label: str
    unit: str
    low: float | None
    high: float | None
    direction: Literal["higher_worse", "higher_better", "neutral"]
    family: str


class CurrentOut(BaseModel):
    baseline: float | None
    baseline_n: int
    baseline_basis: str
    last: float
    last_at: datetime
    last_on: date
    week_mean: float
    week_n: int


class ObservationPage(BaseModel):
    measure: MeasureOut
    current: CurrentOut | None
    observations: list[ObservationOut]
    next: str | None = None


class DailyObservation(BaseModel):
    """One local day. ``sum`` is there for doses and minutes of practice only."""

    local_date: date
    n: int
    mean: float
    min: float
    max: float
    last: float
    sum: float | None = None


class DailyObservationList(BaseModel):
    measure: MeasureOut
    days: list[DailyObservation]


class SummaryOut(BaseModel):
    """One week of one patient. ``figures`` is canonical JSON whose bytes have the SHA-256 ``digest``."""

    id: UUID
    patient: UUID
    week_start: date
    revision: int
    built_at: datetime
    algorithm: str
    digest: str
    figures: dict[str, Any]


class SummaryList(BaseModel):
    summaries: list[SummaryOut]


class InstrumentBrief(BaseModel):
    instrument: str
    version: str
    title: str
    available: bool


class InstrumentList(BaseModel):
    instruments: list[InstrumentBrief]


class AlertOut(BaseModel):
    id: UUID
    patient: UUID
    rule: str
    label: str
    level: Literal["emergency", "urgent", "high", "review"]
    historical: bool
    answered_at: datetime
    raised_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertList(BaseModel):
    alerts: list[AlertOut]


class Who(BaseModel):
    name: str
    role: str


class AccessLogEvent(BaseModel):
    at: datetime
    who: Who
    action: str
    kind: str
    purpose: str
    result: str
    broken_glass: bool
    categories: list[str]
    rows: int


class AccessLogPage(BaseModel):
    events: list[AccessLogEvent]
    next: str | None

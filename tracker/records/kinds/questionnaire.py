"""Questionnaire: the answers to one version of an instrument, and the scores that the server computes from them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

from django.db import models
from django.db.models import OuterRef, Subquery
from pydantic import BaseModel, Field

from tracker.access.policy import Category
from tracker.access.rls import derived_by_row_category
from tracker.clinics.models import PatientOwned
from tracker.instruments import catalogue, scoring
from tracker.lib import bulk
from tracker.lib.constraints import one_of, one_of_or_null
from tracker.lib.formatting import number
from tracker.lib.strict_model import Code, Instant, Version, code_from
from tracker.lib.strict_text import STORABLE
from tracker.records.dosing_period import DosingPeriod
from tracker.records.kinds.base import Kind, Payload
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table

if TYPE_CHECKING:
    from tracker.records.store import AcceptedRecord, Provenance

# No item takes words: that some were sent is kept, so that it never counts.
WITHHELD = "(text)"


class Status(models.TextChoices):
    DRAFT = "draft", "being filled in"
    INCOMPLETE = "incomplete", "answers are missing or cannot be used"
    COMPLETE = "complete", "complete"
    AMENDED = "amended", "complete, and changed since it first was"
    UNSCORED = "unscored", "of a version that is not known here: kept, scanned, without a score"


class TotalCheck(models.TextChoices):
    """What became of a total that the client stated, when it was compared with ours."""

    AGREES = "agrees", "the same as ours"
    DIFFERS = "differs", "another one than ours"
    NOT_RECOMPUTABLE = "not_recomputable", "there is no total of ours"


_STATUS_LABELS = {
    Status.DRAFT: "being filled in",
    Status.INCOMPLETE: "incomplete",
    Status.COMPLETE: "complete",
    Status.AMENDED: "complete, amended",
    Status.UNSCORED: "unscored: unknown version",
}
# A response that was finished once and is changed later is called amended.
FINISHED = frozenset({Status.COMPLETE, Status.AMENDED})


class Response(PatientRecord):
    """
    The raw answers to one version of an instrument, keyed by linkId; never updated in place.

    ``reported_total`` is what the client believes the total is: kept as reported, compared with ours
    (``reported_total_check``), never used. ``is_in_capacity_guard``: answered too soon after a dose to count
    (``records.capacity_guard``); derived, and no version of the answers.
    """

    instrument = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    status = models.CharField(max_length=16, choices=Status.choices)
    answers = models.JSONField()
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    reported_total = models.FloatField(null=True)
    reported_total_check = models.CharField(max_length=16, choices=TotalCheck.choices, null=True)  # noqa: DJ001 - NULL: none stated
    category = models.CharField(max_length=12, help_text="that of the instrument, as its catalogue file says")
    is_in_capacity_guard = models.BooleanField(default=False)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("response", None),
            one_of("status", Status, name="response_status_is_known"),
            one_of("category", Category, name="response_category_is_known"),
            one_of_or_null("reported_total_check", TotalCheck, name="response_total_check_is_known"),
        ]


class Score(PatientOwned):
    """One number made from a response. It names all it was made with, so it can be made again and compared."""

    id = models.BigAutoField(primary_key=True)
    response_id = models.UUIDField()
    revision = models.PositiveIntegerField()
    measure = models.CharField(max_length=80)
    category = models.CharField(max_length=12)
    instrument = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    scoring_version = models.CharField(max_length=32)
    value = models.FloatField()
    t = models.FloatField(null=True)
    se = models.FloatField(null=True)
    answered = models.SmallIntegerField()
    items = models.SmallIntegerField()
    prorated = models.BooleanField()
    band = models.CharField(max_length=80, blank=True)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [
            *derived_by_row_category(),
            models.UniqueConstraint(
                fields=["patient", "response_id", "revision", "measure", "scoring_version"],
                name="score_once_per_version",
            ),
            one_of("category", Category, name="score_category_is_known"),
            models.CheckConstraint(
                condition=models.Q(answered__lte=models.F("items")), name="score_answered_up_to_items"
            ),
        ]

    def __str__(self) -> str:
        return f"score/{self.pk}"


AnswerKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9/._-]{1,80}$")]
# Up to where floating-point numbers tell all integers apart: jsonb gives 1e300 back as an integer of 301 digits.
_BOUNDED = Field(ge=-(2**53 - 1), le=2**53 - 1)
Answer = (
    Annotated[int, _BOUNDED]
    | Annotated[float, _BOUNDED]
    | bool
    | Annotated[str, Field(max_length=80), STORABLE]
    | None
)


class ResponseData(Payload):
    """
    Answers to one version of an instrument, by linkId: numbers, 1 for yes and 0 for no; true and false are refused
    where the version is known. ``reported_total`` is kept and compared with ours, never used.

    Answers to a version that is not known here are kept without a score (``unscored``), whatever the items are called.
    ``status`` is what the client believes; the server's own is what is held.
    """

    instrument: Code
    version: Version
    answers: Annotated[dict[AnswerKey, Answer], Field(max_length=300)]
    status: code_from("ResponseStatus", Status.values)  # type: ignore[valid-type]
    started_at: Instant | None = None
    finished_at: Instant | None = None
    reported_total: Annotated[float, Field(ge=-1e6, le=1e6)] | None = None


def category_of_instrument(code: str) -> Category:
    """Return the category of a questionnaire, whatever its version."""
    return Category(catalogue.latest(code).category.upper())


def to_columns(data: ResponseData) -> dict[str, Any]:
    """Return the columns: the answers without words, the category of the instrument, and no score as yet."""
    return data.__dict__ | {
        "reported_total_check": None,
        "is_in_capacity_guard": False,
        "answers": {item: WITHHELD if isinstance(answer, str) else answer for item, answer in data.answers.items()},
        "category": category_of_instrument(data.instrument),
    }  # fmt: skip


def from_row(row: Any) -> dict[str, Any]:
    """Return the data; the category is the envelope's."""
    return {name: value for name in ResponseData.model_fields if (value := getattr(row, name)) is not None}


def status_of(data: ResponseData, result: scoring.Result | None, *, amends: bool) -> Status:
    """
    Return the status of a response: what its answers say, whatever the client believes.

    ``result`` is None of a version that is not known; ``amends`` says that it was complete before.
    """
    if data.status == Status.DRAFT:
        return Status.DRAFT
    if result is None:
        return Status.UNSCORED
    if result.status != "complete":
        return Status.INCOMPLETE
    return Status.AMENDED if amends else Status.COMPLETE


def total_check_of(data: ResponseData, result: scoring.Result | None) -> TotalCheck | None:
    """Return what the comparison of a stated total with ours gave; None where none was stated, or of a draft."""
    if data.reported_total is None or data.status == Status.DRAFT:
        return None
    if result is None or result.status == "invalid" or "stated_total_not_recomputable" in result.flags:
        return TotalCheck.NOT_RECOMPUTABLE
    return TotalCheck.DIFFERS if "stated_total_differs" in result.flags else TotalCheck.AGREES


class ScoreRow(NamedTuple):
    """The columns of one score."""

    clinic_id: UUID
    patient_id: UUID
    response_id: UUID
    revision: int
    measure: str
    category: str
    instrument: str
    version: str
    scoring_version: str
    value: float
    t: float | None
    se: float | None
    answered: int
    items: int
    prorated: bool
    band: str
    made_at: datetime


def score_row(provenance: "Provenance", item: "AcceptedRecord", made: scoring.Score) -> ScoreRow:
    """Return the row of one score of a response."""
    assert made.value is not None
    data = item.record.data
    return ScoreRow(
        clinic_id=provenance.clinic_id,
        patient_id=provenance.patient_id,
        response_id=item.record.id,
        revision=item.record.revision,
        measure=made.name,
        category=category_of_instrument(data.instrument),
        instrument=data.instrument,
        version=data.version,
        scoring_version=made.scoring_version,
        value=float(made.value),
        t=made.t,
        se=made.se,
        answered=made.answered,
        items=made.items,
        prorated=made.prorated,
        band=made.band or "",
        made_at=provenance.received_at,
    )


def store_scores(provenance: "Provenance", accepted: "Sequence[AcceptedRecord]") -> None:
    """Write the scores of each response that is neither removed nor a draft."""
    rows = [
        score_row(provenance, item, made)
        for item in accepted
        if item.result is not None and not item.record.removed and item.status != Status.DRAFT
        for made in item.result.scores
        if made.value is not None
    ]
    bulk.insert(Score, rows)


class ScoreOut(BaseModel):
    """
    One score, by a versioned algorithm. ``t`` is the T-score of a domain that is read by it.

    ``answered`` of ``items`` that count were answered; ``prorated``: some stand in for others.
    """

    measure: str
    value: float
    t: float | None = None
    band: str | None = None
    algorithm_version: str
    answered: int
    items: int
    prorated: bool


class Scoring(BaseModel):
    """
    What the server made of a response: its scores, or why there are none; and whether a stated total is ours.

    ``no_score``: ``draft``, ``incomplete`` (answers are missing, or cannot be used), ``unknown_version`` (scored once
    that version is known here), or ``no_number`` (the instrument gives none).
    """

    scores: list[ScoreOut]
    no_score: code_from("NoScore", ("draft", "incomplete", "unknown_version", "no_number")) | None = None  # type: ignore[valid-type]
    reported_total: code_from("ReportedTotalCheck", TotalCheck.values) | None = None  # type: ignore[valid-type]


_NO_SCORE = {
    Status.DRAFT: "draft",
    Status.INCOMPLETE: "incomplete",
    Status.UNSCORED: "unknown_version",
}


def scoring_of(status: str, check: str | None, scores: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the wire shows of the scores of a response, by measure (``Scoring``)."""
    no_score = None if scores else _NO_SCORE.get(Status(status), "no_number")
    return {
        "scores": [_score_out(measure, score) for measure, score in scores.items()],
        **({"no_score": no_score} if no_score else {}),
        **({"reported_total": check} if check else {}),
    }


def _score_out(measure: str, score: Any) -> dict[str, Any]:
    optional = {"t": score.t, "band": score.band or None}
    return {
        "measure": measure,
        "value": float(score.value),
        "algorithm_version": score.scoring_version,
        "answered": score.answered,
        "items": score.items,
        "prorated": score.prorated,
        **{name: value for name, value in optional.items() if value is not None},
    }


_SHOWN = (
    "response_id", "revision", "measure", "value", "t", "band", "scoring_version", "answered", "items", "prorated",
)  # fmt: skip


def load_scoring(patient_id: UUID, rows: Sequence[Any]) -> dict[tuple[UUID, int], dict[str, Any]]:
    """Return the scoring of responses, by id and revision; of several algorithm versions the last one."""
    found: dict[tuple[UUID, int], dict[str, Any]] = {}
    scores = Score.objects.filter(patient_id=patient_id, response_id__in={row.id for row in rows})
    # Plain tuples with names: to build models takes longer.
    for score in scores.order_by("id").values_list(*_SHOWN, named=True):
        found.setdefault((score.response_id, score.revision), {})[score.measure] = score
    return {
        (row.id, row.revision): scoring_of(
            row.status, row.reported_total_check, found.get((row.id, row.revision), {})
        )
        for row in rows
    }


def _beside_answers() -> Mapping[str, Any]:
    """The total that was computed for the revision that stands, its band, and the dose that was shortly before."""
    total = Score.objects.filter(
        patient=OuterRef("patient"), response_id=OuterRef("id"), revision=OuterRef("revision"),
        measure=OuterRef("instrument"),
    ).order_by("-made_at")  # fmt: skip
    # Read by those alone with whom the treatment is shared; the mark is everybody's who reads the answers.
    dose = DosingPeriod.objects.around("recorded_at").order_by("-dosed_at")
    return {
        "total": Subquery(total.values("value")[:1]),
        "band": Subquery(total.values("band")[:1]),
        "dosed_at": Subquery(dose.values("dosed_at")[:1]),
    }


_STATED = {
    TotalCheck.DIFFERS.value: "which differs",
    TotalCheck.NOT_RECOMPUTABLE.value: "which cannot be computed here",
}


def line(row: Any) -> str:
    """Return ``PHQ-9: 12 (moderate)``, or the status where there is no total."""
    stated = _STATED.get(row.reported_total_check, "")
    if stated:
        stated = f"; the app stated {number(row.reported_total)}, {stated}"
    stated += _too_soon(row) if row.is_in_capacity_guard else ""
    if row.total is None:
        return f"{_title(row.instrument)}, {_STATUS_LABELS[row.status]}{stated}"
    band = f" ({row.band})" if row.band else ""
    return f"{_title(row.instrument)}: {number(row.total)}{band}{stated}"


def _too_soon(row: Any) -> str:
    if row.dosed_at is None:
        return "; answered soon after a dose, does not count"
    since = datetime.fromisoformat(row.recorded_at) - datetime.fromisoformat(row.dosed_at)
    # Answered at the minute of the dose is within the first hour too.
    hours = int(max(since, timedelta(seconds=1)) / timedelta(hours=1) + 1 - 1e-9)
    return f"; answered within {hours} h after a dose, does not count"


def _title(instrument: str) -> str:
    try:
        return catalogue.latest(instrument).title["en"]
    except catalogue.UnknownInstrumentError:
        return instrument.upper()


KIND = Kind(
    name="response",
    noun="questionnaire",
    plural="questionnaires",
    label="Questionnaire",
    model=Response,
    payload=ResponseData,
    category=None,
    scored=True,
    free_bytes="octet_length(answers::text)",
    to_columns=to_columns,
    from_row=from_row,
    store_beside=store_scores,
    load_scoring=load_scoring,
    line_columns=(
        "instrument", "status", "reported_total", "reported_total_check", "is_in_capacity_guard", "recorded_at",
    ),
    line_expressions=_beside_answers,
    example={
        "instrument": "phq-9",
        "version": "1999",
        "status": "complete",
        "answers": {
            "/44250-9": 1,
            "/44255-8": 1,
            "/44259-0": 1,
            "/44254-1": 1,
            "/44251-7": 1,
            "/44258-2": 1,
            "/44252-5": 1,
            "/44253-3": 1,
            "/44260-8": 1,
        },
    },
    line=line,
)  # fmt: skip

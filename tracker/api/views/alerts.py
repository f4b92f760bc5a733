"""Open alerts of the caller's patients, and acknowledging them."""

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.alerts import acknowledgement, escalation, reporters, rules
from tracker.alerts.joined_answers import joined_answers
from tracker.alerts.models import Alert, AlertQuerySet, Level
from tracker.api.exceptions import APIProblem
from tracker.api.openapi import problems
from tracker.api.queries import DIGITS, Cursor, Limit, parse_query
from tracker.api.schemas import Problem
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.clinics.models import StaffMember
from tracker.lib import codes
from tracker.lib.cursors import CursorCipher
from tracker.lib.strict_model import StrictModel, code_from
from tracker.records.queries import current_versions

_CURSORS = CursorCipher("alerts")
_ANSWER_CURSORS = CursorCipher("alert-answers")


class AlertOut(BaseModel):
    """
    An alert and how many ``answers`` it holds: its own, and those to the same question that came while it was open.
    Versions of one answer are one; ``version`` grows with each that comes in.

    ``answered_at`` and ``raised_at`` are the first one's, by the patient and by us; ``newest_answered_at`` and
    ``newest_raised_at`` the newest one's, leaving out those of long ago unless all are (``historical``).

    ``reported_by`` names the caregivers who gave some of its answers; empty where all are the patient's own.
    """

    id: UUID
    patient: UUID
    rule: str
    label: str
    level: code_from("AlertLevel", codes.all_to_wire(Level.values))  # type: ignore[valid-type]
    historical: bool
    answered_at: datetime
    raised_at: datetime
    answers: int
    version: int
    newest_answered_at: datetime
    newest_raised_at: datetime
    reported_by: list[str]
    acknowledged_at: datetime | None
    acknowledged_by: str | None


class AlertPage(BaseModel):
    """A page of open alerts, oldest first; ``total`` counts all of them."""

    alerts: list[AlertOut]
    total: int
    next: str | None


class AlertAnswer(BaseModel):
    """
    One answer of an alert: when it was given (the patient's instant and local day) and when it reached us.

    ``historical``: it was older than 7 days on arrival. ``record`` is the record that holds it, null if none does or
    the caller may not read it. ``reported_by`` is the caregiver who gave it; null: the patient.
    """

    record: UUID | None
    kind: str
    answered_at: datetime
    local_date: date
    received_at: datetime
    historical: bool
    reported_by: str | None


class AlertAnswers(BaseModel):
    """A page of an alert's answers, the newest first; ``total`` counts all of them."""

    patient: UUID
    answers: list[AlertAnswer]
    total: int
    next: str | None


class AlertsQuery(StrictModel):
    """How many, and from where."""

    limit: Limit = 50
    cursor: Cursor | None = None


class AcknowledgeQuery(StrictModel):
    """How many of the alert's answers the reader has seen, and in which versions."""

    answers: Annotated[
        int,
        Field(
            ge=1,
            le=2_000_000_000,
            description="`answers` of the alert as it was shown: what came since stays open",
        ),
        DIGITS,
    ]
    base_version: Annotated[
        int,
        Field(
            ge=1,
            le=2_000_000_000,
            description="`version` of the alert as it was shown: 409 `alert_changed` if an answer was changed since",
        ),
        DIGITS,
    ]


class AlertConflict(Problem):
    """The alert as it is now: show it before anybody acknowledges it."""

    server: AlertOut


class Acknowledged(AlertOut):
    """The alert, and the id of the open one that holds the answers that came since, if there are any."""

    open_since: UUID | None


def _one(principal: Principal, row: Any, by_name: str | None) -> dict[str, Any]:
    return _alert_out(row, by_name, reporters.names(principal, [(row.patient_id, row.reporters)]))


def _alert_out(row: Any, by_name: str | None, names: Mapping[UUID, str]) -> dict[str, Any]:
    return {
        "id": row.pk,
        "patient": row.patient_id,
        "rule": row.rule,
        "label": rules.label(row.rule),
        "level": codes.to_wire(row.level),
        "historical": row.is_historical,
        "answered_at": row.answered_at,
        "raised_at": row.raised_at,
        "answers": row.answer_count,
        "version": row.version,
        "newest_answered_at": row.newest_answered_at,
        "newest_raised_at": row.newest_raised_at,
        "reported_by": sorted({names.get(user, "") for user in row.reporters}),
        "acknowledged_at": row.acknowledged_at,
        "acknowledged_by": by_name,
    }


class Alerts(ClinicalAPIView):
    """Open alerts, oldest first."""

    actions = {"GET": Action.SEE_CASELOAD}
    queries = {"GET": AlertsQuery}

    @extend_schema(operation_id="alerts_list", summary="List open alerts", responses={200: AlertPage})
    def get(self, request: Request) -> Response:
        query, principal = parse_query(request, AlertsQuery), principal_of(request)
        rows = Alert.objects.open().filter(patient_id__in=principal.patients)
        later = _after(rows, principal, query.cursor).with_reporters()
        page: list[Any] = list(later.order_by("raised_at", "id")[: query.limit + 1])
        is_last = len(page) <= query.limit
        page = page[: query.limit]
        names = reporters.names(principal, [(row.patient_id, row.reporters) for row in page])
        return Response(
            {
                "alerts": [_alert_out(row, None, names) for row in page],
                "total": rows.count(),
                "next": None if is_last else _cursor(principal, page[-1]),
            }
        )


def _cursor(principal: Principal, row: Alert) -> str:
    return _CURSORS.encrypt(row.raised_at.isoformat(), str(row.pk), of=(principal.user_id,))


def _instant_and_id(at: str, row_id: str) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(at), UUID(row_id)


def _after(rows: AlertQuerySet, principal: Principal, cursor: str | None) -> AlertQuerySet:
    """
    The alerts behind the cursor.

    :raises InvalidCursor: if it is not one of this reader's.
    """
    if cursor is None:
        return rows
    raised_at, alert_id = _CURSORS.decrypt(cursor, _instant_and_id, of=(principal.user_id,))
    return rows.filter(Q(raised_at__gt=raised_at) | Q(raised_at=raised_at, id__gt=alert_id))


class Answers(ClinicalAPIView):
    """The answers that an alert holds, each with its dates: what a history brought in is one alert."""

    actions = {"GET": Action.SEE_CASELOAD}
    queries = {"GET": AlertsQuery}

    @extend_schema(
        operation_id="alerts_answers", summary="List the answers of an alert", responses={200: AlertAnswers}
    )
    def get(self, request: Request, alert_id: UUID) -> Response:
        query, principal = parse_query(request, AlertsQuery), principal_of(request)
        alert, rows = joined_answers(alert_id, principal)
        of = (principal.user_id, alert.pk)
        page = list(_older(rows, query.cursor, of)[: query.limit + 1])
        is_last = len(page) <= query.limit
        page = page[: query.limit]
        users = {row.reported_by_id for row in page if row.reported_by_id}
        names = reporters.names(principal, [(alert.patient_id, users)])
        # That there is an answer is told whatever is shared; which record it is, to those who may read it.
        readable = current_versions(alert.patient_id, [row.source_id for row in page if row.answer_stored])
        return Response(
            {
                "patient": alert.patient_id,
                "answers": [_answer_out(row, names, readable) for row in page],
                "total": rows.count(),
                "next": None
                if is_last
                else _ANSWER_CURSORS.encrypt(page[-1].answered_at.isoformat(), str(page[-1].pk), of=of),
            }
        )


def _answer_out(row: Alert, names: Mapping[UUID, str], readable: Collection[UUID]) -> dict[str, Any]:
    return {
        "record": row.source_id if row.source_id in readable else None,
        "kind": row.source_kind,
        "answered_at": row.answered_at,
        "local_date": row.answered_on,
        "received_at": row.raised_at,
        # Of each by itself: the alert's own mark tells of all its answers.
        "historical": row.raised_at - row.answered_at > escalation.HISTORICAL_AFTER,
        "reported_by": names.get(row.reported_by_id, "") if row.reported_by_id else None,
    }


def _older(rows: QuerySet[Alert], cursor: str | None, of: tuple[UUID, UUID]) -> QuerySet[Alert]:
    """
    The answers behind the cursor.

    :raises InvalidCursor: if it is not one of this reader's for this alert.
    """
    if cursor is None:
        return rows
    answered_at, row_id = _ANSWER_CURSORS.decrypt(cursor, _instant_and_id, of=of)
    return rows.filter(Q(answered_at__lt=answered_at) | Q(answered_at=answered_at, id__gt=row_id))


class Acknowledge(ClinicalAPIView):
    """
    Take an alert. The first one wins; the second is told who was first.

    It is refused if an answer has been changed since the alert was shown: what is graver now is looked at first.
    """

    actions = {"POST": Action.ACKNOWLEDGE_ALERT}
    queries = {"POST": AcknowledgeQuery}

    @extend_schema(
        operation_id="alerts_acknowledge",
        summary="Acknowledge an alert",
        request=None,
        responses={200: Acknowledged, **problems("alert_changed", body=AlertConflict)},
    )
    def post(self, request: Request, alert_id: UUID) -> Response:
        query, principal, later = parse_query(request, AcknowledgeQuery), principal_of(request), None
        # The reply names who was first, to the first as to the second.
        try:
            later = acknowledgement.acknowledge(
                alert_id=alert_id,
                principal=principal,
                at=timezone.now(),
                answers=query.answers,
                base_version=query.base_version,
            )
        except acknowledgement.AlreadyAcknowledgedError:
            pass
        except acknowledgement.AnswerChangedError:
            row: Any = Alert.objects.with_reporters().get(pk=alert_id)
            raise APIProblem("alert_changed", server=_one(principal, row, None)) from None
        row = Alert.objects.with_reporters().get(pk=alert_id)
        first = StaffMember.objects.filter(user=row.acknowledged_by).first()
        shown = _one(principal, row, first.name if first else None)
        return Response(shown | {"open_since": later.pk if later else None})

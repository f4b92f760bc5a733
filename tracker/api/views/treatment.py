"""Treatment sessions: planned, recorded event by event, and read with what follows from the events."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.alerts import treatment_sessions
from tracker.alerts.escalation import Finding
from tracker.api import guidance
from tracker.api.exceptions import field_problem
from tracker.api.openapi import LOCATION
from tracker.api.parsers import validate
from tracker.api.queries import Cursor, FirstDay, LastDay, Limit, OfPatient, parse_query
from tracker.api.schemas import FieldProblem, Guidance
from tracker.api.views.base import ClinicalAPIView, patient_of, principal_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.lib import codes, validation_errors
from tracker.lib.cursors import CursorCipher
from tracker.lib.strict_model import Id, Instant, StrictModel, code_from
from tracker.lib.validation_errors import field_error
from tracker.outbox.tasks import wake_delivery
from tracker.sync import safety
from tracker.treatment import actions, events, limit_settings, overview, session_list, store
from tracker.treatment.events import AnyEvent, PlanEvent
from tracker.treatment.models import TreatmentSession
from tracker.treatment.overview import Overview
from tracker.treatment.session_list import TreatmentSessionOut
from tracker.treatment.session_state import State, derive

_CURSORS = CursorCipher("treatment-sessions")
_TREATMENT = {Category.TREATMENT}


class SessionEventOut(BaseModel):
    """An event as it was sent, and as it is kept. ``text_unreadable``: its text cannot be decrypted at present."""

    event: dict[str, Any] = Field(description="the event as it was sent, without what was not set")
    occurred_at: datetime
    received_at: datetime
    recorded_by: str | None = Field(description="the member of staff; null of the patient")
    replaced_by: UUID | None
    retracted_by: UUID | None
    text_unreadable: bool


class CumulativeDose(BaseModel):
    """What was given in all sessions of a patient up to now, by product and route; never converted into each other."""

    product: str
    route: str
    mg: float
    sessions: int
    incomplete: bool = Field(description="a session's mg is not known: it is at least this much")


class TreatmentSessionDetail(BaseModel):
    """A treatment session, what follows from its events, and the events themselves in the order of receipt."""

    session: TreatmentSessionOut
    overview: Overview
    cumulative: list[CumulativeDose]
    events: list[SessionEventOut]


class TreatmentSessionPage(BaseModel):
    sessions: list[TreatmentSessionOut]
    next: str | None


class TreatmentSessionsQuery(StrictModel):
    """Whose sessions, of which days, in which state."""

    patient: OfPatient | None = None
    since: Annotated[FirstDay | None, Field(alias="from")] = None
    until: Annotated[LastDay | None, Field(alias="to")] = None
    state: Literal[tuple(codes.all_to_wire(State))] | None = None  # type: ignore[valid-type]
    cursor: Cursor | None = None
    limit: Limit = 50


class TreatmentSessionIn(StrictModel):
    """A treatment session to be planned. ``sent_at`` is the instant of sending by the clock of the device."""

    id: Id
    patient: Id
    sent_at: Instant
    plan: PlanEvent


class SessionEventBatch(StrictModel):
    """Events of a session, each still to be looked at on its own."""

    sent_at: Instant
    events: Annotated[list[Any], Field(min_length=1, max_length=actions.MAX_EVENTS)]


class SessionEventsIn(SessionEventBatch):
    """
    Events of a session, in their order; each gets a status of its own, and the same event again changes nothing.

    ``sent_at`` is the instant of sending by the clock of the device: where it differs from ours by more than two
    minutes, the times of the events are corrected by the difference.
    """

    events: Annotated[list[AnyEvent], Field(min_length=1, max_length=actions.MAX_EVENTS)]


class SessionEventResult(BaseModel):
    """What became of one event, in the order sent."""

    id: UUID | None
    status: code_from("SessionEventStatus", ("stored", "replayed", "rejected"))  # type: ignore[valid-type]
    code: str | None = None
    pointer: str | None = None
    detail: str | None = None
    missing: list[str] | None = Field(default=None, description="of discharge_not_ready: why")
    errors: list[FieldProblem] | None = Field(default=None, description="all that is wrong with the event")


class SessionEventsReceipt(BaseModel):
    """What became of the events, and the session as it stands."""

    results: list[SessionEventResult]
    session: TreatmentSessionOut
    overview: Overview
    guidance: Guidance | None = None
    alerted: bool | None = None


def _session_of(request: Request, session_id: UUID) -> tuple[Patient, TreatmentSession]:
    """
    Return a session and its patient, whose chart is opened.

    :raises NotFoundOrHidden: if there is none that the caller may see.
    """
    session = TreatmentSession.objects.filter(pk=session_id).first()
    if session is None:
        raise NotFoundOrHidden
    return patient_of(request, session.patient_id, "api/sessions", _TREATMENT), session


class TreatmentSessions(ClinicalAPIView):
    """List a patient's treatment sessions, newest first; plan one."""

    actions = {"GET": Action.SEE_TREATMENT_SESSIONS, "POST": Action.PLAN_TREATMENT_SESSION}
    queries = {"GET": TreatmentSessionsQuery}

    @extend_schema(
        operation_id="treatment_sessions_list",
        summary="List treatment sessions",
        responses={200: TreatmentSessionPage},
    )
    def get(self, request: Request) -> Response:
        query = parse_query(request, TreatmentSessionsQuery)
        patient = patient_of(request, query.patient, "api/sessions", _TREATMENT)
        of = (principal_of(request).user_id, patient.pk)
        rows = TreatmentSession.objects.filter(patient=patient)
        if query.since is not None:
            rows = rows.filter(local_date__gte=query.since)
        if query.until is not None:
            rows = rows.filter(local_date__lte=query.until)
        if query.state is not None:
            rows = rows.filter(state=codes.to_stored(query.state))
        if query.cursor is not None:
            starts_at, last = _CURSORS.decrypt(query.cursor, _place, of=of)
            rows = rows.filter(Q(starts_at__lt=starts_at) | Q(starts_at=starts_at, pk__gt=last))
        listed = list(rows.order_by("-starts_at", "pk")[: query.limit + 1])
        page = listed[: query.limit]
        more = len(listed) > len(page)
        following = (
            _CURSORS.encrypt(page[-1].starts_at.isoformat(), str(page[-1].pk), of=of) if more else None
        )
        return Response({"sessions": [session_list.session_out(row) for row in page], "next": following})

    @extend_schema(
        operation_id="treatment_sessions_plan",
        summary="Plan a treatment session",
        parameters=[LOCATION],
        request=TreatmentSessionIn,
        responses={200: TreatmentSessionOut, 201: TreatmentSessionOut},
    )
    def post(self, request: Request) -> Response:
        body = validate(TreatmentSessionIn, request.data)
        principal, at = principal_of(request), timezone.now()
        patient = open_chart(
            principal,
            body.patient,
            purpose="api/sessions",
            at=at,
            action=Action.PLAN_TREATMENT_SESSION,
            categories=_TREATMENT,
        )
        try:
            session, is_new = actions.plan_session(
                principal=principal,
                patient=patient,
                session_id=body.id,
                plan=body.plan,
                sent_at=body.sent_at,
                at=at,
            )
        except actions.RefusedEvent as refused:
            place = () if refused.refusal.field == "id" else ("plan",)
            raise field_problem(refused.refusal.code, *place, refused.refusal.field) from None
        headers = {"Location": reverse("treatment-session", args=[session.pk])} if is_new else {}
        return Response(session_list.session_out(session), 201 if is_new else 200, headers=headers)


def _place(starts_at: str, session_id: str) -> tuple[datetime, UUID]:
    return datetime.fromisoformat(starts_at), UUID(session_id)


class OneTreatmentSession(ClinicalAPIView):
    """A treatment session with all its events, corrected and retracted ones too."""

    actions = {"GET": Action.SEE_TREATMENT_SESSIONS}

    @extend_schema(
        operation_id="treatment_sessions_get",
        summary="Read a treatment session",
        responses={200: TreatmentSessionDetail},
    )
    def get(self, request: Request, session_id: UUID) -> Response:
        patient, session = _session_of(request, session_id)
        rows = list(store.rows_of(session))
        state = derive(store.entries_of(rows))
        texts = store.texts(session)
        at = timezone.now()
        shown = overview.of_session(state, limit_settings.of_clinic(patient.clinic_id), at)
        return Response(
            {
                "session": session_list.session_out(session),
                "overview": overview.to_wire(shown),
                "cumulative": session_list.cumulative(patient.pk),
                "events": [
                    {
                        "event": events.to_wire(entry.event)
                        | ({"text": text} if (text := texts.get(row.id)) else {}),
                        "occurred_at": row.occurred_at,
                        "received_at": row.received_at,
                        "recorded_by": row.staff.name if row.staff else None,
                        "replaced_by": state.replaced_by.get(row.id),
                        "retracted_by": state.retracted_by.get(row.id),
                        "text_unreadable": row.id in texts and texts[row.id] is None,
                    }
                    for row, entry in zip(rows, state.entries, strict=True)
                ],
            }
        )


class SessionEvents(ClinicalAPIView):
    """Record events of a session: by staff, and of a session at home by the patient."""

    actions = {"POST": Action.RECORD_TREATMENT_SESSION}

    @extend_schema(
        operation_id="treatment_session_events_add",
        summary="Record events of a treatment session",
        request=SessionEventsIn,
        responses={200: SessionEventsReceipt},
    )
    def post(self, request: Request, session_id: UUID) -> Response:
        body = validate(SessionEventBatch, request.data)
        patient, _ = _session_of(request, session_id)
        principal, at = principal_of(request), timezone.now()
        parsed = [_parsed(each) for each in body.events]
        session, state, outcomes, alerted = treatment_sessions.record_events(
            principal=principal,
            session_id=session_id,
            patient=patient,
            sent=[each for each in parsed if isinstance(each, events.Event)],
            sent_at=body.sent_at,
            at=at,
            unread=_found_in_unread(body.events, parsed, at) if principal.is_patient else (),
        )
        told = iter(outcomes)
        results = [_result(next(told)) if isinstance(each, events.Event) else each for each in parsed]
        shown = overview.of_session(state, limit_settings.of_clinic(patient.clinic_id), at)
        answer: dict[str, Any] = {
            "results": results,
            "session": session_list.session_out(session),
            "overview": overview.to_wire(shown),
        }
        if principal.is_patient and (alerted or any(each["status"] == "rejected" for each in results)):
            answer |= {"guidance": guidance.of_refusal(principal, alerted=alerted), "alerted": alerted}
        if alerted:
            transaction.on_commit(wake_delivery)
        return Response(answer)


def _found_in_unread(sent: list[Any], parsed: list[Any], at: datetime) -> list[Finding]:
    """What is found in the items of a patient's that are no events, as in every write that is refused."""
    deadline = safety.Deadline()
    return [
        finding
        for item, event in zip(sent, parsed, strict=True)
        if not isinstance(event, events.Event)
        for finding in safety.worst_by_rule(safety.scan_deep(item, at, deadline))
    ]


def _parsed(item: Any) -> events.Event | dict[str, Any]:
    """The event, or the result of one that is none."""
    try:
        return events.parse(item)
    except ValidationError as problem:
        kind = item.get("kind") if isinstance(item, dict) else None
        wrong = validation_errors.of(problem, item, tag=kind if isinstance(kind, str) else None)
        first = wrong[0]
        return {
            "id": _id_of(item),
            "status": "rejected",
            "code": first.code,
            "pointer": first.pointer,
            "detail": first.detail,
            **({"errors": [each.as_dict() for each in wrong]} if len(wrong) > 1 else {}),
        }


def _id_of(item: Any) -> str | None:
    """The id of an event, where it is one."""
    try:
        return str(UUID(item["id"])) if len(item["id"]) == 36 else None
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _result(outcome: actions.Outcome) -> dict[str, Any]:
    refusal = outcome.refusal
    if refusal is None:
        return {"id": outcome.event_id, "status": "replayed" if outcome.was_known else "stored"}
    wrong = field_error([refusal.field] if refusal.field else [], refusal.code)
    return {
        "id": outcome.event_id,
        "status": "rejected",
        **wrong.as_dict(),
        **({"missing": refusal.detail.split(", ")} if refusal.detail else {}),
    }

"""Pages of treatment sessions: a patient's list, the session itself, the esketamine form, the clinic's limits."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.views.decorators.http import require_GET, require_POST

from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.alerts import treatment_sessions
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.dashboard import session_forms
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import MonitoringLimitsForm, PlanSessionForm, TreatmentSessionForm
from tracker.dashboard.pages import treatment_session as pages
from tracker.dashboard.pages.esketamine_form import sheet
from tracker.dashboard.session_forms import BadForm
from tracker.dashboard.session_text import words
from tracker.instruments import catalogue
from tracker.lib import days, strict_json
from tracker.lib.error_codes import CODES
from tracker.outbox.tasks import wake_delivery
from tracker.treatment import actions, events, limit_settings
from tracker.treatment.discharge import Missing
from tracker.treatment.limits import OutOfBounds
from tracker.treatment.models import TreatmentSession

_TREATMENT = {Category.TREATMENT}
_MAX_BODY = 256 * 1024
# A device whose clock is further from ours says nothing of when something was.
_FURTHEST_CLOCK = timedelta(days=400)


def _open(principal: Principal, patient_id: UUID, at: datetime, action: Action, purpose: str) -> Patient:
    return open_chart(
        principal, patient_id, purpose=f"dashboard/{purpose}", at=at, action=action, categories=_TREATMENT
    )


def _session(patient: Patient, session_id: UUID) -> TreatmentSession:
    session = TreatmentSession.objects.filter(pk=session_id, patient=patient).first()
    if session is None:
        raise NotFoundOrHidden
    return session


@require_GET
@clinical_page(Action.OPEN_CHART)
def sessions(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
    """The treatment sessions of a patient; a form to plan one, and one for a session that has taken place."""
    patient = _open(principal, patient_id, at, Action.SEE_TREATMENT_SESSIONS, "sessions")
    return _list(request, principal, patient, at)


def _list(
    request: HttpRequest,
    principal: Principal,
    patient: Patient,
    at: datetime,
    status: int = 200,
    **forms: Any,
) -> HttpResponse:
    today = days.local_day(at, patient.time_zone)
    context = {
        "principal": principal,
        "patient": patient,
        "rows": pages.sessions_of(patient),
        "cumulative": pages.cumulative(patient),
        "plan_form": PlanSessionForm(initial={"on": today, "minutes": 120}, today=today),
        "form": TreatmentSessionForm(initial={"on": today}),
        "may_write": pages.may_write(principal),
    }
    return render(request, "dashboard/sessions_of_patient.html", context | forms, status=status)


@require_POST
@clinical_page(Action.PLAN_TREATMENT_SESSION)
def plan_session(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
    """Plan a treatment session; a mistake comes back in a sentence."""
    patient = _open(principal, patient_id, at, Action.PLAN_TREATMENT_SESSION, "plan_session")
    form = PlanSessionForm(request.POST, today=days.local_day(at, patient.time_zone))
    if form.is_valid():
        plan = form.plan(patient.time_zone, at)
        try:
            session, _ = actions.plan_session(
                principal=principal, patient=patient, session_id=uuid4(), plan=plan, sent_at=at, at=at
            )
        except actions.RefusedEvent as refused:
            field = {"planned_unit": "unit", "starts_at": "time"}.get(refused.refusal.field)
            form.add_error(field, CODES[refused.refusal.code].detail)
        else:
            return redirect("dashboard:session", patient_id, session.pk)
    return _list(request, principal, patient, at, 422, plan_form=form)


@require_GET
@clinical_page(Action.OPEN_CHART)
def session(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID, session_id: UUID
) -> HttpResponse:
    """The session: where it stands, what is due next, and a large button for each thing to enter."""
    patient = _open(principal, patient_id, at, Action.SEE_TREATMENT_SESSIONS, "session")
    return _page(request, principal, patient, _session(patient, session_id), at)


@require_GET
@clinical_page(Action.OPEN_CHART, is_poll=True)
def session_live(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID, session_id: UUID
) -> HttpResponse:
    """What changes of the session's page: asked for while it is open."""
    patient = _open(principal, patient_id, at, Action.SEE_TREATMENT_SESSIONS, "session_live")
    return HttpResponse(_live_html(request, principal, patient, _session(patient, session_id), at))


def _live_html(
    request: HttpRequest, principal: Principal, patient: Patient, row: TreatmentSession, at: datetime
) -> str:
    context = {
        "patient": patient,
        "live": pages.live(row, patient, at),
        "may_write": pages.may_write(principal),
        "principal": principal,
    }
    return render_to_string("dashboard/_session_live.html", context, request)


def _page(
    request: HttpRequest,
    principal: Principal,
    patient: Patient,
    row: TreatmentSession,
    at: datetime,
    *,
    status: int = 200,
    wrong: Sequence[str] = (),
    entered: Mapping[str, Any] | None = None,
) -> HttpResponse:
    form = catalogue.latest("session-dissociation-5")
    items = [(item.text or {}).get("en", "") for item in form.items]
    shown = pages.live(row, patient, at)
    context = {
        "principal": principal,
        "patient": patient,
        "live": shown,
        "choices": pages.choices(row, shown.planned, items),
        "may_write": pages.may_write(principal),
        "wrong": wrong,
        "entered": entered or {},
        "event_id": uuid4(),
        "staff_id": principal.staff_id,
        "today": days.local_day(at, patient.time_zone),
    }
    return render(request, "dashboard/session.html", context, status=status)


@require_POST
@clinical_page(Action.PLAN_TREATMENT_SESSION)
def add_events(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID, session_id: UUID
) -> HttpResponse:
    """
    Enter events of a session: one as a form, or those that the page's script kept while the line was cut, as JSON.

    As JSON the answer says of each whether it is stored, and holds what changed of the page; events that another
    user than the one signed in has entered are refused together (409).
    """
    patient = _open(principal, patient_id, at, Action.PLAN_TREATMENT_SESSION, "session_events")
    row = _session(patient, session_id)
    if request.content_type == "application/json":
        return _queued(request, principal, patient, row, at)
    fields = dict(request.POST.lists())
    try:
        when = session_forms.instant_of(request.POST.get("at_time", ""), at, row.time_zone)
        event = session_forms.event_of(fields, event_id=request.POST.get("id", ""), at=when)
    except BadForm as bad:
        return _page(
            request, principal, patient, row, at, status=422, wrong=bad.sentences, entered=request.POST.dict()
        )
    _, _, outcomes, alerted = treatment_sessions.record_events(
        principal=principal, session_id=row.pk, patient=patient, sent=[event], sent_at=at, at=at
    )
    if alerted:
        transaction.on_commit(wake_delivery)
    sentence = _sentence(outcomes[0])
    if sentence:
        return _page(
            request, principal, patient, row, at, status=422, wrong=[sentence], entered=request.POST.dict()
        )
    messages.success(request, "Stored.")
    return redirect("dashboard:session", patient.pk, row.pk)


def _sentence(outcome: actions.Outcome) -> str:
    """Why an event was not stored; nothing if it was."""
    if outcome.refusal is None:
        return ""
    if outcome.refusal.code == "discharge_not_ready":
        missing = [words(Missing(code.upper())) for code in outcome.refusal.detail.split(", ")]
        return f"Not ready to leave: {'; '.join(missing)}."
    return CODES[outcome.refusal.code].detail


def _queued(
    request: HttpRequest, principal: Principal, patient: Patient, row: TreatmentSession, at: datetime
) -> HttpResponse:
    try:
        body = strict_json.decode(request.read(_MAX_BODY))
        user = str(body["user"])
        sent_at = datetime.fromisoformat(body["sent_at"])
        queued = [(str(each["id"]), str(each["at"]), _fields(each["fields"])) for each in body["events"]]
    except (strict_json.BadJSON, AttributeError, KeyError, TypeError, ValueError):
        return _unread("It cannot be read. Enter it again.")
    if sent_at.tzinfo is None or not 0 < len(queued) <= actions.MAX_EVENTS:
        return _unread("It cannot be read. Enter it again.")
    if abs(sent_at - at) > _FURTHEST_CLOCK:
        return _unread("The clock of this device is wrong by more than a year. Set it, and enter it again.")
    # Whoever entered an event is who answers for it: nobody else's session sends it.
    if user != str(principal.user_id):
        return JsonResponse({"error": "Another person is signed in."}, status=409)
    results: list[dict[str, Any]] = []
    parsed: list[events.Event] = []
    for event_id, when, fields in queued:
        try:
            parsed.append(session_forms.event_of(fields, event_id=event_id, at=when))
        except BadForm as bad:
            results.append({"id": event_id, "status": "rejected", "sentence": " ".join(bad.sentences)})
    _, _, outcomes, alerted = treatment_sessions.record_events(
        principal=principal, session_id=row.pk, patient=patient, sent=parsed, sent_at=sent_at, at=at
    )
    if alerted:
        transaction.on_commit(wake_delivery)
    for outcome in outcomes:
        sentence = _sentence(outcome)
        results.append(
            {
                "id": str(outcome.event_id),
                "status": "rejected" if sentence else "stored",
                "sentence": sentence,
            }
        )
    row.refresh_from_db()
    return JsonResponse({"results": results, "live": _live_html(request, principal, patient, row, at)})


def _unread(sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=400)


def _fields(sent: Any) -> dict[str, list[str]]:
    """The fields of a form as the script sends them: each a list of texts."""
    return {str(name): [str(text) for text in texts] for name, texts in sent.items()}


@require_GET
@clinical_page(Action.OPEN_CHART)
def esketamine_form(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID, session_id: UUID
) -> HttpResponse:
    """The monitoring form of an esketamine session, to be printed."""
    patient = _open(principal, patient_id, at, Action.SEE_TREATMENT_SESSIONS, "esketamine_form")
    row = _session(patient, session_id)
    shown = pages.live(row, patient, at)
    if shown.form_missing is None:
        raise NotFoundOrHidden
    context = {
        "principal": principal,
        "patient": patient,
        "live": shown,
        "sheet": sheet(row, patient, at),
    }
    return render(request, "dashboard/esketamine_form.html", context)


@clinical_page(Action.SEE_MONITORING_LIMITS)
def monitoring_limits(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """The clinic's limits of monitoring; a clinician sets them."""
    may_set = pages.may_set_limits(principal)
    current = limit_settings.of_clinic(principal.clinic_id)
    if request.method == "POST":
        if not may_set:
            raise NotFoundOrHidden
        form = MonitoringLimitsForm(request.POST)
        if form.is_valid():
            try:
                limit_settings.change(principal=principal, wanted=form.limits(), at=at)
            except OutOfBounds as wrong:
                form.add_error(wrong.name, f"From {wrong.low} to {wrong.high}, beside the limits below it.")
            else:
                messages.success(request, "Set. They count from now on.")
                return redirect("dashboard:monitoring_limits")
    else:
        form = MonitoringLimitsForm(initial=MonitoringLimitsForm.values_of(current))
    row = limit_settings.newest(principal.clinic_id)
    context = {
        "principal": principal,
        "form": form,
        "may_set": may_set,
        "set_by": None if row is None else limit_settings.name_of(row),
        "set_at": None if row is None else row.set_at,
    }
    return render(request, "dashboard/monitoring_limits.html", context, status=422 if form.errors else 200)

"""The dashboard's views: check the shape, make one call, answer."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category, Relation
from tracker.access.principal import Principal
from tracker.alerts import acknowledgement
from tracker.clinics.models import Patient, Role
from tracker.dashboard import formatting
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import CheckInForm
from tracker.dashboard.fragments import render_fragment
from tracker.dashboard.pages.alert_answers import answers_page
from tracker.dashboard.pages.alerts import alert_box, form_number, page_number
from tracker.dashboard.pages.caseload import caseload
from tracker.dashboard.pages.delivery import late_since
from tracker.dashboard.pages.patient import DEFAULT_RANGE, patient_page
from tracker.lib import days
from tracker.reminders import actions as reminders


@require_GET
@clinical_page(Action.SEE_SELF)
def home(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """The caseload for who treats, each emergency access for the privacy officer, a plain page for all others."""
    if policy.role_may(principal.role, Action.SEE_BREAK_GLASS):
        return redirect("dashboard:emergency_log")
    if not policy.role_may(principal.role, Action.SEE_CASELOAD):
        kind = "administrator" if principal.staff_id else "patient"
        role = dict(Role.choices).get(principal.role, "")
        may_manage = policy.role_may(principal.role, Action.MANAGE_STAFF)
        said = {"principal": principal, "role": role, "may_manage": may_manage}
        if principal.staff_id:
            said["late_since"] = late_since(principal, at)
        return render(request, f"dashboard/{kind}_home.html", said)
    _audit_read(principal, "caseload.read", principal.caseload, at)
    page = caseload(principal, request.GET.get("order", ""), at, page_number(request.GET.get("alerts", "")))
    return render(
        request,
        "dashboard/caseload.html",
        {
            "principal": principal,
            "page": page,
            "late_since": late_since(principal, at),
            "rows": render_fragment("caseload_rows", rows=page.rows, with_team=page.several_teams),
            "may_break_glass": policy.role_may(principal.role, Action.BREAK_GLASS),
        },
    )


@require_GET
@clinical_page(Action.SEE_CASELOAD, is_poll=True)
def open_alerts(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """The open alerts alone: a caseload that stays open on a screen asks for them again."""
    box = alert_box(principal, at, number=page_number(request.GET.get("alerts", "")))
    _audit_read(principal, "alerts.read", {alert.patient_id for alert in box.open}, at)
    context = {"alerts": box, "polls": True, "late_since": late_since(principal, at)}
    return render(request, "dashboard/_alerts.html", context)


@require_GET
@clinical_page(Action.SEE_CASELOAD)
def alert_answers(request: HttpRequest, principal: Principal, at: datetime, alert_id: UUID) -> HttpResponse:
    """The answers that an alert holds, each with its dates."""
    page = answers_page(principal, alert_id, page_number(request.GET.get("page", "")))
    _audit_read(principal, "alerts.read", {page.patient_id}, at)
    return render(request, "dashboard/alert_answers.html", {"principal": principal, "page": page})


@require_POST
@clinical_page(Action.ACKNOWLEDGE_ALERT)
def acknowledge(request: HttpRequest, principal: Principal, at: datetime, alert_id: UUID) -> HttpResponse:
    """Take an alert on; whoever comes second is told who was first, and an answer that was changed is shown first."""
    try:
        later = acknowledgement.acknowledge(
            alert_id=alert_id,
            principal=principal,
            at=at,
            answers=form_number(request.POST.get("answers", "")),
            base_version=form_number(request.POST.get("base_version", "")),
        )
    except acknowledgement.AlreadyAcknowledgedError as first:
        when = formatting.moment(days.local(first.at, principal.time_zone))
        messages.warning(request, f"{first.by_name} acknowledged this alert first, on {when}.")
    except acknowledgement.AnswerChangedError:
        messages.warning(
            request,
            "Not acknowledged: the patient has changed an answer since the page was shown. Look at it again.",
        )
    else:
        messages.success(request, "Acknowledged. The alert is in your name now.")
        if later is not None:
            since = formatting.count(later.answer_count, "answer")
            verb = "stays" if later.answer_count == 1 else "stay"
            messages.warning(
                request, f"{since} came in since the page was shown, and {verb} open as an alert."
            )
    return _back(request, principal)


@require_GET
@clinical_page(Action.OPEN_CHART)
def patient(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
    """A patient's page. What is not the principal's looks as if it did not exist."""
    opened = _open(principal, patient_id, "patient", at)
    return _patient_page(request, principal, opened, CheckInForm(today=_today(opened, at)), at)


@require_POST
@clinical_page(Action.PLAN_CHECK_IN)
def plan_check_in(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
    """Plan a telehealth check-in; a mistake comes back with the form."""
    opened = _open(principal, patient_id, "plan_check_in", at, Action.PLAN_CHECK_IN)
    form = CheckInForm(request.POST, today=_today(opened, at))
    if form.is_valid() and _plan(request, principal, opened, form, at):
        return redirect("dashboard:patient", patient_id)
    return _patient_page(request, principal, opened, form, at, status=422)


@require_POST
@clinical_page(Action.PLAN_CHECK_IN)
def cancel_check_in(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID, check_in_id: UUID
) -> HttpResponse:
    """Cancel a planned check-in; the patient is told."""
    _open(principal, patient_id, "cancel_check_in", at, Action.PLAN_CHECK_IN)
    reminders.cancel_check_in(principal=principal, check_in_id=check_in_id, patient_id=patient_id, at=at)
    messages.success(request, "The check-in is cancelled. The patient is told in the app.")
    return redirect("dashboard:patient", patient_id)


def _plan(
    request: HttpRequest, principal: Principal, patient: Patient, form: CheckInForm, at: datetime
) -> bool:
    starts_at = form.starts_at(patient.time_zone)
    try:
        reminders.plan_check_in(
            principal=principal,
            patient=patient,
            starts_at=starts_at,
            minutes=form.cleaned_data["minutes"],
            at=at,
        )
    except reminders.InThePastError:
        form.add_error("on", "That time has passed where the patient lives.")
    except reminders.AlreadyPlannedError:
        form.add_error("time", "The patient has another check-in that overlaps with this one.")
    except reminders.ClinicianBusyError:
        form.add_error("time", "You have a check-in with another patient that overlaps with this one.")
    else:
        # The clock of the night that clocks change may differ from what was typed: say what was planned.
        when = formatting.moment(days.local(starts_at, patient.time_zone))
        messages.success(request, f"Check-in planned for {when} ({patient.time_zone}).")
    return not form.errors


def _patient_page(
    request: HttpRequest,
    principal: Principal,
    patient: Patient,
    form: CheckInForm,
    at: datetime,
    status: int = 200,
) -> HttpResponse:
    page = patient_page(
        principal,
        patient,
        chosen=request.GET.get("range", DEFAULT_RANGE),
        week=_week(request.GET.get("week", "")),
        at=at,
    )
    return render(
        request,
        "dashboard/patient.html",
        {"principal": principal, "page": page, "form": form},
        status=status,
    )


def _open(
    principal: Principal, patient_id: UUID, purpose: str, at: datetime, action: Action = Action.OPEN_CHART
) -> Patient:
    visits = {Category.VISITS} if action == Action.PLAN_CHECK_IN else ()
    return open_chart(
        principal, patient_id, purpose=f"dashboard/{purpose}", at=at, action=action, categories=visits
    )


def _today(patient: Patient, at: datetime) -> date:
    return days.local_day(at, patient.time_zone)


def _audit_read(principal: Principal, action: str, patients: Collection[UUID], at: datetime) -> None:
    """Audit event of a read of several patients at once: the access log of each lists it."""
    principal.audit(action, "dashboard", at=at, patients=patients, detail={"patients": len(patients)})


def _week(text: str) -> date | None:
    try:
        return days.week_start(days.parse_date(text))
    except (ValueError, OverflowError):
        return None


def _back(request: HttpRequest, principal: Principal) -> HttpResponse:
    """To the page that the button stood on: a patient of the principal's, or the caseload."""
    try:
        patient_id = UUID(request.POST.get("back", ""))
    except ValueError:
        return redirect("dashboard:home")
    return (
        redirect("dashboard:patient", patient_id)
        if principal.relation_to(patient_id) not in (None, Relation.ALERT_RESPONDER)
        else redirect("dashboard:home")
    )

"""The break-glass pages: opening one patient's record in an emergency, ending it, and looking at each time."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracker.access import break_glass
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts.throttle import Throttle, session_user
from tracker.alerts.break_glass import patient_of, start_and_notify
from tracker.clinics.errors import NotFoundOrHidden
from tracker.dashboard import formatting
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import EmergencyForm
from tracker.lib import days


@require_http_methods(["GET", "POST"])
@clinical_page(Action.BREAK_GLASS)
def open_record(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Ask whose record and why; open it for an hour, and tell the patient."""
    form = EmergencyForm(request.POST or None)
    asked = request.GET.get("alert")
    if asked is not None:
        form.about(patient_of(alert_id=_uuid(asked), principal=principal))
    if request.method == "POST" and form.is_valid() and _open(principal, form, at):
        return redirect("dashboard:patient", form.patient_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/emergency.html", {"principal": principal, "form": form}, status=status)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundOrHidden from None


def _open(principal: Principal, form: EmergencyForm, at: datetime) -> bool:
    given = form.cleaned_data
    try:
        if "name" in given:
            form.patient_id = break_glass.find_patient(
                principal=principal, name=given["name"], birth_date=given["birth_date"]
            )
        start_and_notify(principal=principal, patient_id=form.patient_id, reason=given["reason"], at=at)
    except NotFoundOrHidden:
        form.add_error("name", "Nobody of this name and day of birth is a patient of your clinic.")
        return False
    return True


# Whom an alert names is not looked for.
open_record.throttle = Throttle(  # type: ignore[attr-defined]
    "break-glass", lambda request: "" if "alert" in request.GET else session_user(request)
)


@require_POST
@clinical_page(Action.BREAK_GLASS)
def end(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Close the record again."""
    if break_glass.end(principal=principal, at=at):
        messages.success(request, "Emergency access has ended.")
    return redirect("dashboard:home")


@require_GET
@clinical_page(Action.SEE_BREAK_GLASS)
def log(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Each break-glass access at the clinic, newest first, for its privacy officer."""
    broken = [
        {"one": one, "began": _moment(one.begun_at, principal), "ended": _moment(one.ends_at, principal)}
        for one in break_glass.list_for_clinic(principal=principal)
    ]
    return render(request, "dashboard/emergency_log.html", {"principal": principal, "broken": broken})


def _moment(instant: datetime, principal: Principal) -> str:
    return formatting.moment(days.local(instant, principal.time_zone))

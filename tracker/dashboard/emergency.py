"""The pages of broken glass: opening one patient's record in an emergency, ending it, and looking at each time."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracker.alerts import actions as alerts
from tracker.alerts.glass import break_glass
from tracker.dashboard import words
from tracker.dashboard.doors import page
from tracker.dashboard.forms import EmergencyForm
from tracker.lib import days
from tracker.people import glass
from tracker.people.access import NotYoursError, Viewer
from tracker.people.policy import Action


@require_http_methods(["GET", "POST"])
@page(Action.BREAK_GLASS)
def open_record(request: HttpRequest, viewer: Viewer, at: datetime) -> HttpResponse:
    """Ask whose record and why; open it for an hour, and tell the patient."""
    form = EmergencyForm(request.POST or None)
    asked = request.GET.get("alert")
    if asked is not None:
        form.about(alerts.patient_of(alert_id=_uuid(asked), viewer=viewer))
    if request.method == "POST" and form.is_valid() and _open(viewer, form, at):
        return redirect("dashboard:patient", form.patient_id)
    status = 422 if request.method == "POST" else 200
    return render(request, "dashboard/emergency.html", {"viewer": viewer, "form": form}, status=status)


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotYoursError from None


def _open(viewer: Viewer, form: EmergencyForm, at: datetime) -> bool:
    given = form.cleaned_data
    try:
        if "name" in given:
            form.patient_id = glass.find_patient(viewer=viewer, name=given["name"], born_on=given["born_on"])
        break_glass(viewer=viewer, patient_id=form.patient_id, reason=given["reason"], at=at)
    except NotYoursError:
        form.add_error("name", "Nobody of this name and day of birth is a patient of your clinic.")
        return False
    return True


@require_POST
@page(Action.BREAK_GLASS)
def end(request: HttpRequest, viewer: Viewer, at: datetime) -> HttpResponse:
    """Close the record again."""
    if glass.end_glass(viewer=viewer, at=at):
        messages.success(request, "Emergency access has ended.")
    return redirect("dashboard:home")


@require_GET
@page(Action.SEE_BROKEN_GLASS)
def log(request: HttpRequest, viewer: Viewer, at: datetime) -> HttpResponse:
    """Each time that the glass was broken at the clinic, newest first, for its privacy officer."""
    broken = [
        {"one": one, "began": _moment(one.begun_at, viewer), "ended": _moment(one.ends_at, viewer)}
        for one in glass.broken_at_clinic(viewer=viewer)
    ]
    return render(request, "dashboard/emergency_log.html", {"viewer": viewer, "broken": broken})


def _moment(instant: datetime, viewer: Viewer) -> str:
    return words.moment(days.local(instant, viewer.zone))

"""What a team does with a patient beside reading: treatment sessions, discharge and readmission."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.access.chart import open_chart
from tracker.access.policy import Action, Category
from tracker.access.principal import Principal
from tracker.clinics import actions as clinics
from tracker.clinics.models import Patient
from tracker.dashboard import formatting
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import RecoverSignInForm, TreatmentSessionForm
from tracker.lib.error_codes import CODES
from tracker.outbox import patient_sign_in
from tracker.treatment import actions as treatment
from tracker.treatment.products import Route


@require_POST
@clinical_page(Action.PLAN_TREATMENT_SESSION)
def record_session(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID
) -> HttpResponse:
    """Record a treatment session that has taken place; a mistake comes back in a sentence."""
    patient = open_chart(
        principal, patient_id, purpose="dashboard/record_session", at=at,
        action=Action.PLAN_TREATMENT_SESSION, categories={Category.TREATMENT},
    )  # fmt: skip
    form = TreatmentSessionForm(request.POST)
    if form.is_valid() and _record(form, principal, patient, at):
        messages.success(request, "Recorded. Baselines count back from the first treatment session.")
        return redirect("dashboard:patient", patient_id)
    context = {"principal": principal, "patient": patient, "form": form}
    return render(request, "dashboard/record_session.html", context, status=422)


def _record(form: TreatmentSessionForm, principal: Principal, patient: Patient, at: datetime) -> bool:
    try:
        treatment.record_past_session(
            principal=principal, patient=patient, starts_at=form.starts_at(patient.time_zone),
            route=Route(form.cleaned_data["route"]), dose_mg=form.cleaned_data["dose_mg"], at=at,
        )  # fmt: skip
    except treatment.InTheFuture:
        form.add_error("on", "That time has not come yet where the patient lives.")
    except treatment.AlreadyRecorded:
        form.add_error("time", "There is a treatment session at that time already.")
    except treatment.RefusedEvent as refused:
        refusal = refused.refusal
        field = {"amount": "dose_mg", "starts_at": "time"}.get(refusal.field, "on")
        # The id is made of the instant: another session began then.
        if refusal.code == "id_reused":
            form.add_error("time", "There is a treatment session at that time already.")
        else:
            form.add_error(field, CODES[refusal.code].detail)
    return not form.errors


def _patient_change(
    action: Action, change: Callable[..., object], sentence: str
) -> Callable[..., HttpResponse]:
    """Return the view of a button on a patient's page, which makes the change and says so there."""

    @require_POST
    @clinical_page(action)
    def view(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
        change(principal=principal, patient_id=patient_id, at=at)
        messages.success(request, sentence)
        return redirect("dashboard:patient", patient_id)

    return view


def _with_chart(change: Callable[..., object], purpose: str) -> Callable[..., None]:
    """Return ``change``, which wants a patient, as one that opens the chart for it."""

    def change_patient(*, principal: Principal, patient_id: UUID, at: datetime) -> None:
        patient = open_chart(
            principal, patient_id, purpose=f"dashboard/{purpose}", at=at, action=Action.DISCHARGE_PATIENT
        )
        change(by=principal, patient=patient, at=at)

    return change_patient


# The page of a discharged patient stays open to the team.
discharge = _patient_change(
    Action.DISCHARGE_PATIENT,
    _with_chart(clinics.discharge, "discharge"),
    "Discharged: off the caseload, and no more reminders. Alerts are raised as before.",
)
readmit = _patient_change(
    Action.DISCHARGE_PATIENT,
    _with_chart(clinics.readmit, "readmit"),
    "Back in care, and on the caseload.",
)
# A sign-in that was stolen or lost is closed at once.
disable_sign_in = _patient_change(
    Action.DISABLE_PATIENT_ACCOUNT,
    patient_sign_in.disable_and_notify,
    "The sign-in is closed: every phone is signed out. The record stays as it is.",
)


@require_POST
@clinical_page(Action.DISABLE_PATIENT_ACCOUNT)
def recover_sign_in(
    request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID
) -> HttpResponse:
    """Open a patient's sign-in again, with the address that the patient says is theirs."""
    form = RecoverSignInForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose one of the addresses.")
        return redirect("dashboard:patient", patient_id)
    patient_sign_in.recover_and_notify(
        principal=principal, patient_id=patient_id, at=at, address_at=form.cleaned_data["address_at"]
    )
    messages.success(request, "Open again. The patient's address was told where to choose a new password.")
    return redirect("dashboard:patient", patient_id)


@require_GET
@clinical_page(Action.SEE_CASELOAD)
def discharged(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """The discharged patients of the principal's teams, the last one first."""
    rows = Patient.objects.filter(pk__in=principal.caseload, discharged_on__isnull=False)
    values = rows.order_by("-discharged_on", "name", "id").values_list("pk", "name", "discharged_on")
    patients = [{"id": pk, "name": name, "on": formatting.day(on)} for pk, name, on in values if on]
    return render(request, "dashboard/discharged.html", {"principal": principal, "patients": patients})

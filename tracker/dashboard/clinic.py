"""Pages on which an administrator says who answers for alerts: fallback contact and duty periods."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.clinics import actions
from tracker.clinics.models import CareTeam, Clinic, DutyPeriod, StaffMember
from tracker.dashboard import formatting
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import DutyPeriodForm, FallbackContactForm
from tracker.lib import days
from tracker.outbox import duty_notices

NOT_CLINICAL = "Only a clinician or coordinator whose account is switched on can answer for alerts."


@require_GET
@clinical_page(Action.MANAGE_STAFF)
def on_call(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Who answers for alerts: the fallback contact, and who is or will be on duty."""
    return _page(request, principal, at, _fallback_form(principal), _duty_form(principal, at))


@require_POST
@clinical_page(Action.MANAGE_STAFF)
def set_fallback_contact(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Name the fallback contact; the first one activates the clinic."""
    form = _fallback_form(principal, request.POST)
    if form.is_valid():
        try:
            actions.set_fallback_contact(
                clinic_id=principal.clinic_id, member_id=form.cleaned_data["member"], by=principal, at=at
            )
        except actions.NotClinical:
            form.add_error("member", NOT_CLINICAL)
        else:
            messages.success(
                request, "Saved: this person is asked about an alert when nobody else answers for it."
            )
            return redirect("dashboard:on_call")
    return _page(request, principal, at, form, _duty_form(principal, at), status=422)


@require_POST
@clinical_page(Action.MANAGE_STAFF)
def add_duty_period(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Put somebody on duty; a mistake comes back with the form."""
    form = _duty_form(principal, at, request.POST)
    if form.is_valid() and _add(form, principal, at):
        messages.success(request, "Saved. Whoever is on duty is asked about alerts from then on.")
        return redirect("dashboard:on_call")
    return _page(request, principal, at, _fallback_form(principal), form, status=422)


def _add(form: DutyPeriodForm, principal: Principal, at: datetime) -> bool:
    starts_at, ends_at = form.period(principal.time_zone)
    try:
        duty_notices.add_duty_period_and_notify(
            by=principal, member_id=form.cleaned_data["member"], team_id=form.cleaned_data["team"],
            starts_at=starts_at, ends_at=ends_at, at=at,
        )  # fmt: skip
    except actions.NotClinical:
        form.add_error("member", NOT_CLINICAL)
    except actions.InvalidPeriod:
        form.add_error(
            "ends_on", "A duty period ends after it starts, not in the past, and lasts at most 92 days."
        )
    return not form.errors


@require_POST
@clinical_page(Action.MANAGE_STAFF)
def end_duty_period(request: HttpRequest, principal: Principal, at: datetime, period_id: int) -> HttpResponse:
    """End a duty period now, or remove one that has not begun."""
    duty_notices.end_duty_period(by=principal, period_id=period_id, at=at)
    messages.success(request, "Ended.")
    return redirect("dashboard:on_call")


def _members(principal: Principal) -> list[tuple[UUID, str]]:
    """Who can answer for alerts."""
    staff = StaffMember.objects.at_work().filter(clinic_id=principal.clinic_id, role__in=actions.CLINICAL)
    return list(staff.order_by("name", "id").values_list("pk", "name"))


def _fallback_form(principal: Principal, sent: object = None) -> FallbackContactForm:
    chosen = Clinic.objects.values_list("fallback_contact_id", flat=True).get(pk=principal.clinic_id)
    return FallbackContactForm(sent, members=_members(principal), initial={"member": chosen})


def _duty_form(principal: Principal, at: datetime, sent: object = None) -> DutyPeriodForm:
    teams = CareTeam.objects.filter(clinic_id=principal.clinic_id).order_by("name", "id")
    today = days.local_day(at, principal.time_zone)
    initial = {"starts_on": today, "ends_on": today, "starts_time": "08:00", "ends_time": "20:00"}
    return DutyPeriodForm(
        sent,
        members=_members(principal), teams=teams.values_list("pk", "name"), initial=initial,
    )  # fmt: skip


def _page(
    request: HttpRequest,
    principal: Principal,
    at: datetime,
    fallback: FallbackContactForm,
    duty: DutyPeriodForm,
    status: int = 200,
) -> HttpResponse:
    clinic = Clinic.objects.select_related("fallback_contact").get(pk=principal.clinic_id)
    context = {
        "principal": principal,
        "is_active": clinic.activated_at is not None,
        "fallback": fallback,
        "duty": duty,
        "time_zone": principal.time_zone,
        "periods": [_line(row, principal.time_zone, at) for row in _periods(principal.clinic_id, at)],
    }
    return render(request, "dashboard/on_call.html", context, status=status)


def _periods(clinic_id: UUID, at: datetime) -> list[DutyPeriod]:
    rows = DutyPeriod.objects.filter(clinic_id=clinic_id, ends_at__gt=at).select_related(
        "staff_member", "team"
    )
    return list(rows.order_by("starts_at", "id")[:200])


def _line(period: DutyPeriod, time_zone: str, at: datetime) -> dict[str, object]:
    starts, ends = (
        formatting.moment(days.local(end, time_zone)) for end in (period.starts_at, period.ends_at)
    )
    return {
        "id": period.pk,
        "who": period.staff_member.name,
        "team": period.team.name if period.team else "whole clinic",
        "when": f"{starts} to {ends}",
        "is_now": period.starts_at <= at,
    }

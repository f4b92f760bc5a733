"""Pages of inviting patients and staff, and of disabling a staff account."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts.adapter import public_url
from tracker.alerts.notification import notify_responders_again
from tracker.clinics import invitations
from tracker.clinics.approvals import AlreadyStaff, pending_for, waits_until
from tracker.clinics.approvals import refuse as refuse_new_staff
from tracker.clinics.models import StaffMember
from tracker.clinics.staff import LastFallbackContact
from tracker.dashboard.decorators import clinical_page
from tracker.dashboard.forms import EnrolForm, StaffForm
from tracker.lib import days, rls
from tracker.outbox import new_staff, staff_notices

TOO_MANY = "The clinic has invited as many people as it may within a day. Try again tomorrow."


@require_http_methods(["GET", "POST"])
@clinical_page(Action.INVITE_PATIENT)
def invite_patient(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Enrol a patient and show the code, once; list the invitations that are not accepted yet."""
    teams = [(team.pk, team.name) for team in invitations.teams_of(principal, at)]
    today = days.local_day(at, principal.time_zone)
    form = EnrolForm(request.POST or None, teams=teams, time_zone=principal.time_zone, today=today)
    invitation = None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            _, code = invitations.enrol(
                principal=principal,
                name=asked["name"],
                birth_date=asked["birth_date"],
                time_zone=asked["time_zone"],
                team_id=asked["team"],
                at=at,
            )
        except invitations.TooManyInvitations:
            form.add_error(None, TOO_MANY)
        else:
            invitation = {"name": asked["name"], "code": code}
            form = EnrolForm(teams=teams, time_zone=principal.time_zone, today=today)
    return _patients(request, principal, at, form, invitation)


@require_POST
@clinical_page(Action.INVITE_PATIENT)
def invite_again(request: HttpRequest, principal: Principal, at: datetime, patient_id: UUID) -> HttpResponse:
    """Invite a patient without an account again: a new code; the former one ends."""
    try:
        code = invitations.reinvite(principal=principal, patient_id=patient_id, at=at)
    except invitations.TooManyInvitations:
        messages.error(request, TOO_MANY)
        return redirect("dashboard:invite_patient")
    teams = [(team.pk, team.name) for team in invitations.teams_of(principal, at)]
    form = EnrolForm(
        teams=teams, time_zone=principal.time_zone, today=days.local_day(at, principal.time_zone)
    )
    name = next(
        (each.name for each in invitations.pending_patients(principal, at) if each.pk == patient_id), ""
    )
    return _patients(request, principal, at, form, {"name": name, "code": code})


def _patients(
    request: HttpRequest,
    principal: Principal,
    at: datetime,
    form: EnrolForm,
    invitation: dict[str, str] | None,
) -> HttpResponse:
    context = {
        "principal": principal,
        "form": form,
        "invitation": invitation,
        "waiting": invitations.pending_patients(principal, at),
    }
    return render(request, "dashboard/invite_patient.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "POST"])
@clinical_page(Action.MANAGE_STAFF)
def staff(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Who works at the clinic; ask somebody in."""
    teams = [(team.pk, team.name) for team in invitations.teams_of(principal, at)]
    form = StaffForm(request.POST or None, teams=teams)
    invitation = None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            with rls.as_clinic(principal.clinic_id):
                code = invitations.invite_staff(
                    clinic_id=principal.clinic_id,
                    name=asked["name"],
                    role=asked["role"],
                    team_id=asked["team"],
                    at=at,
                    by=principal,
                )
        except invitations.TooManyInvitations:
            form.add_error(None, TOO_MANY)
        else:
            link = public_url(reverse("accept_invitation"))
            invitation = {"name": asked["name"], "code": code, "link": f"{link}#{code}"}
            form = StaffForm(teams=teams)
    colleagues = (
        StaffMember.objects.filter(clinic_id=principal.clinic_id)
        .select_related("user")
        .order_by("name", "id")
    )
    context = {"principal": principal, "form": form, "invitation": invitation, "colleagues": colleagues}
    return render(request, "dashboard/staff.html", context, status=422 if form.errors else 200)


@require_GET
@clinical_page(Action.APPROVE_STAFF)
def approvals(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Who has accepted an invitation to work here and waits for a second person."""
    context = {
        "principal": principal,
        "waiting": pending_for(principal, at),
        "waits_until": waits_until(principal, at),
    }
    return render(request, "dashboard/approvals.html", context)


def _staff_change(
    action: Action,
    change: Callable[..., object],
    sentence: str,
    *,
    page: str,
    refusals: Mapping[type[Exception], str] = MappingProxyType({}),
) -> Callable[..., HttpResponse]:
    """Return the view of a button on ``page``, which makes the change and says there that it did, or why it did not."""

    @require_POST
    @clinical_page(action)
    def view(request: HttpRequest, principal: Principal, at: datetime, **named: UUID) -> HttpResponse:
        try:
            change(by=principal, at=at, **named)
        except tuple(refusals) as problem:
            messages.error(request, refusals[type(problem)])
        else:
            messages.success(request, sentence)
        return redirect(page)

    return view


def _end_work(*, by: Principal, member_id: UUID, at: datetime) -> None:
    staff_notices.end_work_and_notify(by=by, member_id=member_id, at=at)
    notify_responders_again(clinic_id=by.clinic_id, at=at)


switch_off = _staff_change(
    Action.MANAGE_STAFF,
    _end_work,
    "The account is switched off, and every sign-in of it has ended.",
    page="dashboard:staff",
    refusals={
        LastFallbackContact: "This is the clinic's fallback contact for alerts. Name another one first."
    },
)
forget_factor = _staff_change(
    Action.MANAGE_STAFF,
    staff_notices.reset_second_factor_and_notify,
    "The second factor is forgotten; the next sign-in asks for a new one.",
    page="dashboard:staff",
)
approve = _staff_change(
    Action.APPROVE_STAFF,
    new_staff.approve_and_notify,
    "Approved. The work begins now, and the patients of the team are told.",
    page="dashboard:approvals",
    refusals={AlreadyStaff: "This account works at a clinic already."},
)
refuse = _staff_change(
    Action.APPROVE_STAFF,
    refuse_new_staff,
    "Refused. The account opens nothing here.",
    page="dashboard:approvals",
)

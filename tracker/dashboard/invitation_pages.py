"""Pages of accepting an invitation: as staff, or as a patient's caregiver."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracker.access import caregivers, devices
from tracker.access.policy import public
from tracker.accounts import sessions, throttle
from tracker.clinics import invitations
from tracker.dashboard.forms import AcceptForm
from tracker.outbox import new_staff, sharing_notices


@dataclass(frozen=True, slots=True)
class _Invitation:
    """What the page of an invitation says: whom it is for, whom to ask where a code does not fit, and afterwards."""

    route: str
    title: str
    hint: str
    refused: str
    welcome: str
    new_phone: str


_STAFF_INVITATION = _Invitation(
    route="accept_invitation",
    title="Your invitation",
    hint="For staff. Patients enter their code in the app.",
    refused="This does not fit an open invitation. Ask your administrator for another code.",
    welcome="Welcome. If your clinic asks a second person, sign in once they have agreed.",
    new_phone="Set up a second factor in the app, on your phone. Then sign in here with it and try again.",
)
_CAREGIVER_INVITATION = _Invitation(
    route="accept_caregiver_invitation",
    title="You are invited",
    hint="Somebody wants to show you a part of what they write down about their health. They can end it at any time.",
    refused="This does not fit an open invitation. Ask whoever invited you for another one.",
    welcome="Welcome. Sign in to the app with this account: it shows you what is shared with you.",
    new_phone="Accept it in the app, on a phone that you have used for a day.",
)


@public("a member of staff who has no account yet: the code decides")
@never_cache
@require_http_methods(["GET", "POST"])
def accept_as_staff(request: HttpRequest) -> HttpResponse:
    """
    Accept a staff invitation: the code makes the account, or gives the one that is signed in another role.

    The second factor follows at the next sign-in.
    """

    def new_account(code: str, email: str, password: str, at: datetime) -> None:
        invitations.accept(
            code=code, birth_date=None, email=email, password=password, at=at, for_patient=False,
            on_begin=new_staff.notify,
        )  # fmt: skip

    def with_account(user: Any, code: str, at: datetime) -> None:
        devices.require_older_for_role(user.pk, sessions.of_request(request), at)
        invitations.accept_with_account(
            user_id=user.pk, code=code, birth_date=None, at=at, for_patient=False, on_begin=new_staff.notify
        )

    return _accept(request, _STAFF_INVITATION, new_account, with_account)


@public("a caregiver who has no account yet: the code decides")
@never_cache
@require_http_methods(["GET", "POST"])
def accept_as_caregiver(request: HttpRequest) -> HttpResponse:
    """Accept a patient's invitation from the link of a mail, as at ``POST /api/v1/invitations/accept``."""

    def new_account(code: str, email: str, password: str, at: datetime) -> None:
        caregivers.accept(
            code=code, email=email, password=password, at=at, on_accept=sharing_notices.notify_of_caregiver
        )

    def with_account(user: Any, code: str, at: datetime) -> None:
        session = sessions.of_request(request)
        caregivers.accept_with_account(
            user_id=user.pk, code=code, at=at, session=session, on_accept=sharing_notices.notify_of_caregiver
        )

    return _accept(request, _CAREGIVER_INVITATION, new_account, with_account)


def _accept(
    request: HttpRequest,
    invitation: _Invitation,
    new_account: Callable[[str, str, str, datetime], None],
    with_account: Callable[[Any, str, datetime], None],
) -> HttpResponse:
    user: Any = request.user
    has_account = user.is_authenticated
    form = AcceptForm(request.POST or None, has_account=has_account)
    if request.method == "POST" and form.is_valid():
        asked: dict[str, Any] = form.cleaned_data
        at = timezone.now()
        try:
            if has_account:
                with_account(user, asked["code"], at)
                logout(request)
            else:
                new_account(asked["code"], asked["email"], asked["password"], at)
            throttle.give_back("invitation", address=throttle.client_ip(request))
        except invitations.InvitationRejected:
            form.add_error(None, invitation.refused)
        except devices.UseOlderDevice:
            form.add_error(None, invitation.new_phone)
        else:
            messages.success(request, invitation.welcome)
            return redirect("account_login")
    context = {"form": form, "has_account": has_account, "invitation": invitation}
    return render(request, "account/invitation.html", context, status=422 if form.errors else 200)

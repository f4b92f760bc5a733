"""
Sign-in in the browser: allauth's views behind our own pages, and no other of its routes.

A session of somebody who has a second factor and has not shown it reaches none of the pages that change sign-in.
"""

from functools import wraps
from typing import Any

from allauth.account import views as account
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base import views as mfa
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import path, re_path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView, TemplateView

from tracker.access import devices
from tracker.access.policy import public
from tracker.accounts import second_factor
from tracker.accounts.decorators import (
    View,
    keep_last_factor,
    refuse_malformed_passkey,
    refuse_unreadable_factor,
    require_second_factor,
)
from tracker.accounts.throttle import Throttle, form_field, pending_user, session_user
from tracker.clinics import invitation_codes
from tracker.dashboard import email_pages, invitation_pages

PUBLIC = "allauth's own sign-in and the security of one's own account: it asks by itself who it is"


def _shown(request: HttpRequest) -> bool:
    """Whether a second factor was shown in this session."""
    held = request.session.held  # type: ignore[attr-defined]
    return bool(held and held.has_second_factor)


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "/")
    return wanted if url_has_allowed_host_and_scheme(wanted, {request.get_host()}) else "/"


def _is_factor_due(request: HttpRequest) -> bool:
    user: Any = request.user
    # Who it is comes first: it loads the session, which says what was shown.
    return user.is_authenticated and not _shown(request) and second_factor.count(user) > 0


def _ask_for_factor(request: HttpRequest) -> HttpResponse:
    return redirect_to_login(request.path, reverse("second_factor"))


def _ask_for_passkey(request: HttpRequest) -> HttpResponse:
    messages.error(request, "That passkey could not be used. Please try again.")
    return HttpResponseRedirect(request.get_full_path())


def guarded(view: View) -> View:
    """Let in who has signed in, with their second factor if they have one."""
    return never_cache(login_required(shows_factor(view)))


def shows_factor(view: View) -> View:
    """Of an account that has signed in ask for its second factor, if it has one."""
    return require_second_factor(_is_factor_due, _ask_for_factor)(view)


def _say_last_factor(request: HttpRequest) -> HttpResponse:
    messages.error(request, "This is your only second factor. Add another one first.")
    return HttpResponseRedirect(reverse("mfa_index"))


def _say_unreadable(request: HttpRequest) -> HttpResponse:
    return render(request, "mfa/unreadable.html", status=403)


keeps_last = keep_last_factor(_say_last_factor)
decrypted = refuse_unreadable_factor(_say_unreadable)
steady = refuse_malformed_passkey(_ask_for_passkey)


@public("part of signing in: the choice of a second factor for one's own account")
@never_cache
@login_required
def choose_factor(request: HttpRequest) -> HttpResponse:
    """To the second factor that is to be shown; who has none yet chooses one here, a passkey first."""
    user: Any = request.user
    if _shown(request) or not second_factor.is_required(user):
        return HttpResponseRedirect(_next(request))
    own = set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))
    if Authenticator.Type.TOTP in own:
        return redirect_to_login(_next(request), reverse("mfa_reauthenticate"))
    if Authenticator.Type.WEBAUTHN in own:
        return redirect_to_login(_next(request), reverse("mfa_reauthenticate_webauthn"))
    return render(request, "mfa/choose.html")


def _on_trusted_device(view: View) -> View:
    """Set up no second factor of a patient here while there is a phone: the app does it there."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        user: Any = request.user
        if not devices.may_add_second_factor(user, None, timezone.now()):
            messages.error(request, "Set up a second factor in the app, on your phone.")
            return HttpResponseRedirect(reverse("mfa_index"))
        return view(request, *args, **kwargs)

    return wrapper


class SignUpClosed(TemplateView):
    """The page that says that accounts come by invitation."""

    public = "says that accounts come by invitation"
    template_name = "account/signup_closed.html"


class ListPasskeys(RedirectView):
    """The passkeys of an account stand on the page of all its factors."""

    public = "leads to the page of one's own second factors"
    pattern_name = "mfa_index"


class ActivateTOTP(totp.ActivateTOTPView):  # type: ignore[misc]
    """Set up an authenticator app; its first code is the second factor of this session."""

    public = PUBLIC

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, Authenticator.Type.TOTP)
        return answer


class AddPasskey(webauthn.AddWebAuthnView):  # type: ignore[misc]
    """Add a passkey; making it is the second factor of this session."""

    public = PUBLIC

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)
        _record(self.request, Authenticator.Type.WEBAUTHN)
        return answer


class RemovePasskey(webauthn.RemoveWebAuthnView):  # type: ignore[misc]
    """Remove a passkey that is not the last factor of somebody who needs one."""

    public = PUBLIC

    def form_valid(self, form: Any) -> HttpResponse:
        if not get_adapter().can_delete_authenticator(self.get_object()):
            return _say_last_factor(self.request)
        answer: HttpResponse = super().form_valid(form)
        return answer


def _record(request: HttpRequest, kind: str) -> None:
    user: Any = request.user
    record_authentication(request, user, "mfa", type=kind)


@public("a page of allauth's that this product does not have: always 404")
def _off(request: HttpRequest, **parts: Any) -> HttpResponse:
    """A route of allauth's that is not part of this product; its name exists because allauth asks for it."""
    raise Http404


# By the route's name: the kind of the tries, and whose account is tried.
_INVITATION = Throttle(
    "invitation", lambda request: invitation_codes.throttle_account(request.POST.get("code"))
)
THROTTLES = {
    "account_login": Throttle("sign-in", form_field("login")),
    "account_reauthenticate": Throttle("sign-in", session_user),
    "mfa_login_webauthn": Throttle("sign-in", session_user),
    "mfa_authenticate": Throttle("second-factor", pending_user),
    "mfa_reauthenticate": Throttle("second-factor", session_user),
    "mfa_reauthenticate_webauthn": Throttle("second-factor", session_user),
    "mfa_activate_totp": Throttle("second-factor", session_user),
    "account_change_password": Throttle("second-factor", session_user),
    "account_reset_password": Throttle("reset", form_field("email")),
    "account_reset_password_from_key": Throttle("reset", session_user),
    "accept_invitation": _INVITATION,
    "accept_caregiver_invitation": _INVITATION,
    "undo_email_change": _INVITATION,
}
urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("signup/", SignUpClosed.as_view(), name="account_signup"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", guarded(account.password_change), name="account_change_password"),
    path("password/reset/", account.password_reset, name="account_reset_password"),
    path("password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("invitation/", shows_factor(invitation_pages.accept_as_staff), name="accept_invitation"),
    path(
        "invitation/accept/",
        shows_factor(invitation_pages.accept_as_caregiver),
        name="accept_caregiver_invitation",
    ),
    path("email/undo/", email_pages.undo_email_change, name="undo_email_change"),
    path("second-factor/", choose_factor, name="second_factor"),
    path("2fa/", guarded(mfa.index), name="mfa_index"),
    path("2fa/authenticate/", decrypted(steady(mfa.authenticate)), name="mfa_authenticate"),
    path("2fa/reauthenticate/", decrypted(mfa.reauthenticate), name="mfa_reauthenticate"),
    path("2fa/totp/activate/", guarded(_on_trusted_device(ActivateTOTP.as_view())), name="mfa_activate_totp"),
    path("2fa/totp/deactivate/", guarded(keeps_last(totp.deactivate_totp)), name="mfa_deactivate_totp"),
    path(
        "2fa/recovery-codes/",
        guarded(decrypted(recovery.view_recovery_codes)),
        name="mfa_view_recovery_codes",
    ),
    path(
        "2fa/recovery-codes/generate/",
        guarded(recovery.generate_recovery_codes),
        name="mfa_generate_recovery_codes",
    ),
    path("2fa/passkeys/", ListPasskeys.as_view(), name="mfa_list_webauthn"),
    path(
        "2fa/passkeys/add/",
        guarded(_on_trusted_device(steady(AddPasskey.as_view()))),
        name="mfa_add_webauthn",
    ),
    path("2fa/passkeys/login/", steady(webauthn.login_webauthn), name="mfa_login_webauthn"),
    path(
        "2fa/passkeys/reauthenticate/",
        steady(webauthn.reauthenticate_webauthn),
        name="mfa_reauthenticate_webauthn",
    ),
    path(
        "2fa/passkeys/<int:pk>/remove/",
        guarded(keeps_last(RemovePasskey.as_view())),
        name="mfa_remove_webauthn",
    ),
    *(
        path(f"off/{name}/", _off, name=name)
        for name in (
            "account_email",
            "account_email_verification_sent",
            "account_set_password",
            "account_confirm_login_code",
            "mfa_download_recovery_codes",
        )
    ),
]
for each in urlpatterns:
    if each.callback.__module__.startswith("allauth."):
        each.callback.public = PUBLIC
    if each.name in THROTTLES:
        each.callback.throttle = THROTTLES[each.name]

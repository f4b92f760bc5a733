"""The page behind the link by which a former address takes an account back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from tracker.access import email_change
from tracker.access.policy import public
from tracker.accounts import throttle
from tracker.dashboard.forms import UndoEmailForm
from tracker.outbox import email_notices


@public("somebody whose account was given another address: the code decides")
@never_cache
@require_http_methods(["GET", "POST"])
def undo_email_change(request: HttpRequest) -> HttpResponse:
    """Put back the address to which the code was mailed; every sign-in ends, and a new password is chosen."""
    form = UndoEmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            email_notices.undo_and_notify(code=form.cleaned_data["code"], at=timezone.now())
        except email_change.EmailChangeRefused:
            form.add_error(None, "This link does not work any more. Call those who invited you.")
        else:
            throttle.give_back("invitation", address=throttle.client_ip(request))
            messages.success(
                request, "Your address is back and every sign-in has ended. Choose a new password now."
            )
            return redirect("account_reset_password")
    return render(request, "account/email_undo.html", {"form": form}, status=422 if form.errors else 200)

"""Pages about one's own sign-in."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.dashboard import formatting
from tracker.dashboard.decorators import clinical_page
from tracker.lib import days
from tracker.outbox import own_sessions as outbox_sessions


@require_GET
@clinical_page(Action.SEE_SELF)
def own_sessions(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """Where the principal is signed in."""
    here = sessions.key_hash(request.session.session_key or "")
    listed = [
        {
            "reference": each.reference,
            "client": formatting.browser(sessions.client_of(each)),
            "began": formatting.moment(days.local(each.began_at, principal.time_zone)),
            "seen": formatting.moment(days.local(each.seen_at, principal.time_zone)),
            "here": each.pk == here,
        }
        for each in sessions.list_for_user(principal.user_id, at)
    ]
    return render(request, "dashboard/sessions.html", {"principal": principal, "sessions": listed})


@require_POST
@clinical_page(Action.SEE_SELF)
def end_session(request: HttpRequest, principal: Principal, at: datetime, reference: UUID) -> HttpResponse:
    """End one of the principal's sign-ins."""
    outbox_sessions.end_and_notify(
        principal=principal, reference=reference, session_key=request.session.session_key or "", at=at
    )
    messages.success(request, "That sign-in has ended.")
    return redirect("dashboard:sessions")

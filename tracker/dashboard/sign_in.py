"""Pages about one's own sign-in."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.audit import actions as audit
from tracker.dashboard import words
from tracker.dashboard.doors import page
from tracker.lib import days
from tracker.people import access, sessions
from tracker.people.access import Viewer
from tracker.people.policy import Action


@require_GET
@page(Action.SEE_SELF)
def own_sessions(request: HttpRequest, viewer: Viewer, at: datetime) -> HttpResponse:
    """Where the viewer is signed in."""
    here = sessions.hashed(request.session.session_key or "")
    listed = [
        {
            "reference": each.reference,
            "client": words.browser(sessions.client_of(each)),
            "began": words.moment(days.local(each.began_at, viewer.zone)),
            "seen": words.moment(days.local(each.seen_at, viewer.zone)),
            "here": each.pk == here,
        }
        for each in sessions.of_person(viewer.user_id, at)
    ]
    return render(request, "dashboard/sessions.html", {"viewer": viewer, "sessions": listed})


@require_POST
@page(Action.SEE_SELF)
def end_session(request: HttpRequest, viewer: Viewer, at: datetime, reference: UUID) -> HttpResponse:
    """End one of the viewer's sign-ins."""
    if not sessions.revoke(viewer.user_id, reference):
        raise access.NotYoursError
    audit.note(
        actor=viewer.actor,
        action="session.end",
        subject=f"session/{reference}",
        clinic_id=viewer.clinic_id,
        at=at,
    )
    messages.success(request, "That sign-in has ended.")
    return redirect("dashboard:sessions")

"""What stands in the trail about people: who saw a patient, in words; and who signed in, or failed to."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tracker.audit import actions as audit
from tracker.audit.models import Event, Result
from tracker.people import access, sessions
from tracker.people.access import Viewer
from tracker.people.models import Caregiver, Role, StaffMember

_SIGN_IN = ("/accounts/", "/_allauth/")
_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Look:
    """One event as the patient, or the privacy officer, reads it."""

    event: Event
    name: str
    role: str
    broken_glass: bool


def looks(
    viewer: Viewer, *, patient_id: UUID | None, own: bool, before: int | None, limit: int
) -> list[Look]:
    """
    Return events, newest first: those about one patient, or for a privacy officer all of the clinic.

    Without ``own`` what the patient did is left out. The database's wall lets a patient read only events about
    herself, whatever is asked for here.
    """
    events = Event.objects.filter(clinic_id=viewer.clinic_id)
    if patient_id is not None:
        events = events.filter(Q(patient=patient_id) | Q(patients__contains=[patient_id]))
    if not own:
        events = events.exclude(actor=viewer.actor)
    if before is not None:
        events = events.filter(pk__lt=before)
    page = list(events.order_by("-pk")[:limit])
    known = _names({event.actor for event in page}, viewer)
    return [_look(event, *known.get(event.actor, (event.actor, "SYSTEM"))) for event in page]


def _look(event: Event, name: str, role: str) -> Look:
    return Look(event, name, role, bool(event.detail.get("glass")))


def _names(actors: Iterable[str], viewer: Viewer) -> dict[str, tuple[str, str]]:
    """Return actor -> (name, role), as far as the viewer may know them."""
    ids = [actor.removeprefix("user/") for actor in actors if actor.startswith("user/")]
    named = {f"user/{one}": ("somebody", "UNKNOWN") for one in ids}
    named[viewer.actor] = (viewer.name, viewer.role)
    for user_id, name in Caregiver.objects.filter(user_id__in=ids).values_list("user_id", "name"):
        named[f"user/{user_id}"] = (name, "CAREGIVER")
    staff = StaffMember.objects.filter(user_id__in=ids).values_list("user_id", "name", "role")
    for user_id, name, role in staff:
        named[f"user/{user_id}"] = (name, Role(role).value)
    return named


class SignInTrail:
    """
    Middleware: each sign-in, sign-out, and change on the pages of the account leaves one event with what it did.

    It stands outside of the session's own middleware, so that a session and its event are kept together or not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(_SIGN_IN):
            return self.get_response(request)
        with transaction.atomic():
            before = _person_before(request)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
                return response
            person = getattr(request, "signed_in_as", None) or before
            at = timezone.now()
            if person is not None:
                _note_of(person, request, response, at)
            elif request.method in _UNSAFE and response.status_code != 429:
                audit.note_apart(**_event(None, request, response, at))
        return response


def remember(request: HttpRequest, user_id: UUID) -> None:
    """Say who has just signed in: the adapter knows it, the request itself does not tell."""
    request.signed_in_as = user_id  # type: ignore[attr-defined]


def _person_before(request: HttpRequest) -> UUID | None:
    """Whose session the request came with: an app's token, or a browser's cookie."""
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    token = request.headers.get("X-Session-Token") or cookie
    return person_of(token, timezone.now())


def person_of(token: str, at: datetime) -> UUID | None:
    """Return who has signed in with this token, if anybody has."""
    if not token.isascii() or not token.isalnum():
        return None
    held = sessions.read(token, at)
    return held.user_id if held else None


def _note_of(person: UUID, request: HttpRequest, response: HttpResponse, at: datetime) -> None:
    """In the chain of the person's clinic; in the system's, if they belong to none any more."""
    try:
        with transaction.atomic():
            clinic_id = access.enter(person, at).clinic_id
    except access.NobodyError:
        clinic_id = None
    audit.note_apart(clinic_id=clinic_id, **_event(person, request, response, at))


def _event(person: UUID | None, request: HttpRequest, response: HttpResponse, at: datetime) -> dict[str, Any]:
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    return {
        "actor": f"user/{person}" if person else "nobody",
        "action": "sign_in" if hasattr(request, "signed_in_as") else "account",
        "subject": name,
        "kind": name,
        "why": f"{request.method} /{match.route}" if match else "",
        "at": at,
        "result": Result.REFUSED if _is_refused(request, response) else Result.DONE,
        "detail": {"status": response.status_code},
    }


def _is_refused(request: HttpRequest, response: HttpResponse) -> bool:
    """A page that shows its form again has refused what was sent; the API says so by its status."""
    shown_again = request.path.startswith("/accounts/") and response.status_code == 200
    return response.status_code >= 400 or (request.method in _UNSAFE and shown_again)

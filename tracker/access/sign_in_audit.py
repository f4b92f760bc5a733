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

from tracker.access import principal
from tracker.access.models import Caregiver
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.audit import actions as audit
from tracker.audit.models import Event, Result
from tracker.clinics.models import Role, StaffMember

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
    principal: Principal, *, patient_id: UUID | None, own: bool, before: int | None, limit: int
) -> list[Look]:
    """
    Return events, newest first: those about one patient, or for a privacy officer all of the clinic.

    Without ``own`` what the patient did is left out. The database's wall lets a patient read only events about
    herself, whatever is asked for here.
    """
    events = Event.objects.filter(clinic_id=principal.clinic_id)
    if patient_id is not None:
        events = events.filter(Q(patient=patient_id) | Q(patients__contains=[patient_id]))
    if not own:
        events = events.exclude(actor=principal.actor)
    if before is not None:
        events = events.filter(pk__lt=before)
    page = list(events.order_by("-pk")[:limit])
    known = _names({event.actor for event in page}, principal)
    return [_look(event, *known.get(event.actor, (event.actor, "SYSTEM"))) for event in page]


def _look(event: Event, name: str, role: str) -> Look:
    return Look(event, name, role, bool(event.detail.get("glass")))


def _names(actors: Iterable[str], principal: Principal) -> dict[str, tuple[str, str]]:
    """Return actor -> (name, role), as far as the principal may know them."""
    ids = [actor.removeprefix("user/") for actor in actors if actor.startswith("user/")]
    named = {f"user/{one}": ("somebody", "UNKNOWN") for one in ids}
    named[principal.actor] = (principal.name, principal.role)
    for user_id, name in Caregiver.objects.filter(user_id__in=ids).values_list("user_id", "name"):
        named[f"user/{user_id}"] = (name, "CAREGIVER")
    staff = StaffMember.objects.filter(user_id__in=ids).values_list("user_id", "name", "role")
    for user_id, name, role in staff:
        named[f"user/{user_id}"] = (name, Role(role).value)
    return named


class SignInAuditMiddleware:
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
            before, began = _before(request)
            response = self.get_response(request)
            if response.status_code >= 500:
                transaction.set_rollback(True)
                return response
            person = getattr(request, "proved", None) or before
            at = timezone.now()
            if person is not None or request.method in _UNSAFE:
                clinic_id = _clinic_of(person or began, at)
                audit.note_apart(clinic_id=clinic_id, **_event(person, began, request, response, at))
        return response


def remember(request: HttpRequest, user_id: UUID, *, whole: bool) -> None:
    """Say who has just proved who they are, with all that they need (``whole``) or by a first step alone."""
    request.proved = user_id  # type: ignore[attr-defined]
    request.sign_in_step = "sign_in" if whole else "sign-in.password"  # type: ignore[attr-defined]


def note_too_many(request: HttpRequest, response: HttpResponse, at: datetime) -> None:
    """A try that was one too many, where this room's middleware does not see it: at the API's own entrance."""
    if not request.path.startswith(_SIGN_IN):
        audit.note_apart(**_event(None, None, request, response, at))


def _before(request: HttpRequest) -> tuple[UUID | None, UUID | None]:
    """Who was signed in by the request's token or cookie, and who had only begun to: the password was right."""
    token = request.headers.get("X-Session-Token")
    held = _held(token or request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""), timezone.now())
    if held is None or (held.device_id is not None and not token):  # a phone's token in a cookie is nobody's
        return None, None
    return held.user_id, held.began_as


def person_of(token: str, at: datetime) -> UUID | None:
    """Return who has signed in with this token, if anybody has."""
    held = _held(token, at)
    return held.user_id if held else None


def _held(token: str, at: datetime) -> sessions.SessionData | None:
    return sessions.load(token, at) if token.isascii() and token.isalnum() else None


def _clinic_of(person: UUID | None, at: datetime) -> UUID | None:
    """The clinic whose chain tells of the person; none, which is the system's, if they belong to none any more."""
    if person is None:
        return None
    try:
        with transaction.atomic():
            return principal.load_principal(person, at).clinic_id
    except principal.InactiveUser:
        return None


def _event(
    person: UUID | None, began: UUID | None, request: HttpRequest, response: HttpResponse, at: datetime
) -> dict[str, Any]:
    """Whose sign-in is only begun is whom the event is about, not who acted: they have not proved it yet."""
    match = request.resolver_match
    name = (match.url_name or "") if match else ""
    step = getattr(request, "sign_in_step", "")
    about = person if step else began
    return {
        "actor": f"user/{person}" if person else "nobody",
        "action": step or "account",
        "subject": f"user/{about}" if about else name,
        "kind": name,
        "why": f"{request.method} /{match.route}" if match else "",
        "at": at,
        "result": Result.REFUSED if not step and _is_refused(request, response) else Result.DONE,
        "detail": {"status": response.status_code},
    }


def _is_refused(request: HttpRequest, response: HttpResponse) -> bool:
    """A page that shows its form again has refused what was sent; the API says so by its status."""
    shown_again = request.path.startswith("/accounts/") and response.status_code == 200
    return response.status_code >= 400 or (request.method in _UNSAFE and shown_again)

"""Pages of one's own roles: somebody may be staff, a patient and a caregiver, and acts as one of these."""

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from tracker.access import roles
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.clinics.models import Role
from tracker.dashboard.decorators import clinical_page

_LABELS = dict(Role.choices) | {"PATIENT": "patient", "CAREGIVER": "caregiver"}


@require_GET
@clinical_page(Action.SEE_SELF)
def own_roles(request: HttpRequest, principal: Principal, at: datetime) -> HttpResponse:
    """What the principal is, and as which of these this sign-in acts."""
    own = roles.roles_of(principal.user_id, at)
    current = request.session.held.acts_as or own[0].id  # type: ignore[attr-defined]
    listed = [
        {"id": each.id, "label": _LABELS[each.role], "clinic": each.clinic, "current": each.id == current}
        for each in own
    ]
    return render(request, "dashboard/roles.html", {"principal": principal, "roles": listed})


@require_POST
@clinical_page(Action.SEE_SELF)
def choose_role(request: HttpRequest, principal: Principal, at: datetime, role_id: UUID) -> HttpResponse:
    """Act as another of one's roles from now on."""
    roles.choose(
        principal=principal,
        session=request.session.held,  # type: ignore[attr-defined]
        role_id=role_id,
        at=at,
    )
    messages.success(request, "From now on you act in the other role.")
    return redirect("dashboard:home")

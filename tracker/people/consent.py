"""All that a patient has to know about who sees what, in one reading. Who changes it: ``people.actions``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from tracker.people import actions, glass
from tracker.people.access import Viewer
from tracker.people.models import (
    Caregiver,
    CareTeam,
    ConsentChange,
    ConsentText,
    Patient,
    TeamMembership,
)
from tracker.people.policy import Category

MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """One team: whether it is the patient's care team now, who is on it, and what it may see."""

    id: UUID
    name: str
    is_care_team: bool
    people: Sequence[tuple[str, str]]
    categories: frozenset[Category]


@dataclass(frozen=True, slots=True)
class Overview:
    """The words that stand, the teams, the caregivers, who broke the glass, and how consent came to be."""

    version: int
    text: dict[str, Any]
    teams: Sequence[Shown]
    caregivers: Sequence[Caregiver]
    broken: Sequence[glass.Broken]
    changes: Sequence[ConsentChange]


def overview(viewer: Viewer, at: datetime) -> Overview:
    """
    Return all of it for the patient who asks, in eight statements.

    :raises NotYoursError: for anybody but a patient.
    """
    patient_id = viewer.own_patient_id
    text = ConsentText.objects.order_by("-version")[0]
    changes = ConsentChange.objects.filter(patient_id=patient_id).order_by("-id")
    return Overview(
        version=text.version,
        text=text.content,
        teams=_teams(patient_id, at),
        caregivers=list(Caregiver.objects.filter(patient_id=patient_id).order_by("-starts_at", "id")),
        broken=glass.broken_for(viewer=viewer),
        changes=list(changes[:MOST_CHANGES]),
    )


def _teams(patient_id: UUID, at: datetime) -> list[Shown]:
    """The care team first, then other teams that the patient ever shared with."""
    held = actions.standing(patient_id)
    own = Patient.objects.values_list("care_team_id", flat=True).get(pk=patient_id)
    rows = CareTeam.objects.filter(pk__in={own, *held}).order_by("name", "id")
    people: dict[UUID, list[tuple[str, str]]] = {}
    members = TeamMembership.objects.active(at).filter(team__in=rows).select_related("staff_member")
    for member in members.order_by("staff_member__name", "id"):
        staff = member.staff_member
        people.setdefault(member.team_id, []).append((staff.name, staff.get_role_display()))
    shown = [
        Shown(row.pk, row.name, row.pk == own, people.get(row.pk, []), held.get(row.pk, frozenset()))
        for row in rows
    ]
    return sorted(shown, key=lambda team: not team.is_care_team)

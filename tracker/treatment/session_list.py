"""Treatment sessions as lists show them, and what was given in all of them."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Count, Q, Sum
from pydantic import BaseModel, Field

from tracker.lib import codes
from tracker.lib.codes import LowerCase
from tracker.treatment.events import Setting
from tracker.treatment.models import TreatmentSession
from tracker.treatment.products import Product, Route
from tracker.treatment.session_state import State


class TreatmentSessionOut(BaseModel):
    """
    A treatment session. ``starts_at`` to ``ends_at`` is what was planned, the other instants are what took place.

    ``total_mg`` is null where a part of it is not known, and while an infusion runs. ``revision`` counts its events.
    """

    id: UUID
    patient: UUID
    state: Annotated[State, LowerCase()]
    in_error: bool = Field(description="it was entered in error, and never took place")
    setting: Annotated[Setting, LowerCase()]
    route: Annotated[Route, LowerCase()]
    product: Annotated[Product, LowerCase()]
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    local_date: date
    started_at: datetime | None
    ended_at: datetime | None
    first_dosed_at: datetime | None
    last_dosed_at: datetime | None
    total_mg: float | None
    mg_per_kg: float | None
    revision: int


def session_out(row: TreatmentSession) -> dict[str, Any]:
    """Return a session as ``TreatmentSessionOut`` describes it."""
    return {
        "id": row.pk,
        "patient": row.patient_id,
        "state": codes.to_wire(row.state),
        "in_error": row.is_in_error,
        "setting": codes.to_wire(row.setting),
        "route": codes.to_wire(row.route),
        "product": codes.to_wire(row.product),
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "time_zone": row.time_zone,
        "local_date": row.local_date,
        "started_at": row.started_at,
        "ended_at": row.ended_at,
        "first_dosed_at": row.first_dosed_at,
        "last_dosed_at": row.last_dosed_at,
        "total_mg": None if row.total_mg is None else float(row.total_mg),
        "mg_per_kg": None if row.mg_per_kg is None else float(row.mg_per_kg),
        "revision": row.revision,
    }


def cumulative(patient_id: UUID) -> list[dict[str, Any]]:
    """
    Return the mg that were given in all sessions of a patient, by product and route.

    Amounts of different products or routes are not added up: what is taken up of them differs. ``incomplete`` where the
    mg of a session are not known: the sum is then a lower bound.
    """
    rows = (
        TreatmentSession.objects.dosed()
        .filter(patient=patient_id)
        .values("product", "route")
        .annotate(
            mg=Sum("total_mg"), sessions=Count("pk"), unknown=Count("pk", filter=Q(total_mg__isnull=True))
        )
        .order_by("product", "route")
    )
    return [
        {
            "product": codes.to_wire(row["product"]),
            "route": codes.to_wire(row["route"]),
            "mg": float(row["mg"] or 0),
            "sessions": row["sessions"],
            "incomplete": bool(row["unknown"]),
        }
        for row in rows
    ]


def changed_since(patient_id: UUID, after: int, limit: int) -> list[TreatmentSession]:
    """Return the sessions of a patient that changed after a number, in the order of their changes."""
    rows = TreatmentSession.objects.filter(patient=patient_id, sequence__gt=after)
    return list(rows.order_by("sequence", "pk")[:limit])


def count_since(patient_id: UUID, after: int) -> int:
    """Return how many sessions of a patient changed after a number."""
    return TreatmentSession.objects.filter(patient=patient_id, sequence__gt=after).count()

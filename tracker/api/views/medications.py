"""The medications that have a code."""

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.views.base import ClinicalAPIView
from tracker.records import medications
from tracker.records.kinds.medication_use import PREFIX


class MedicationOut(BaseModel):
    """A medication that has a code; ``measure`` is that of its doses."""

    medication: str
    label: str
    measure: str


class MedicationList(BaseModel):
    medications: list[MedicationOut]


class Medications(ClinicalAPIView):
    """
    The medications that have a code here, by label, for an app to offer.

    A dose of any other one is taken too, under a code that the app makes of its name.
    """

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(
        operation_id="medications_list",
        summary="List the medications",
        responses={200: MedicationList, 304: None},
    )
    def get(self, request: Request) -> Response:
        listed = [
            {"medication": code, "label": medications.label(code), "measure": f"{PREFIX}{code}"}
            for code in sorted(medications.CODES, key=medications.label)
        ]
        # ``ConditionalGetMiddleware`` adds an ETag and answers 304.
        return Response({"medications": listed}, headers={"Cache-Control": "private, no-cache"})

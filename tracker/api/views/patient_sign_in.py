"""Closing a patient's sign-in that was stolen or lost, and opening it again."""

from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.lib.strict_model import Instant, StrictModel
from tracker.outbox import patient_sign_in


class SignInRecoveryIn(StrictModel):
    """When the account had the right address, within the last 30 days: now, to keep the one that it has."""

    address_at: Instant | None = None


class PatientSignIn(ClinicalAPIView):
    """
    Close a patient's sign-in (DELETE), and open it again (PUT). For the patient's care team.

    Closing ends every session of the account and retires every phone at once; the record stays. Opening tells the
    patient's address where to choose a new password. Speak with the patient first: if the address was changed within
    the last 30 days, maybe by a thief, it is put back to what it was before, or to what it was at `address_at`.
    """

    actions = {"DELETE": Action.DISABLE_PATIENT_ACCOUNT, "PUT": Action.DISABLE_PATIENT_ACCOUNT}

    @extend_schema(
        operation_id="patient_sign_in_disable",
        summary="Disable a patient's sign-in",
        request=None,
        responses={204: None},
    )
    def delete(self, request: Request, patient_id: UUID) -> Response:
        patient_sign_in.disable_and_notify(
            principal=principal_of(request), patient_id=patient_id, at=timezone.now()
        )
        return Response(status=204)

    @extend_schema(
        operation_id="patient_sign_in_recover",
        summary="Recover a patient's sign-in",
        request={"application/json": SignInRecoveryIn},
        responses={204: None},
    )
    def put(self, request: Request, patient_id: UUID) -> Response:
        body = validate(SignInRecoveryIn, request.data)
        patient_sign_in.recover_and_notify(
            principal=principal_of(request),
            patient_id=patient_id,
            at=timezone.now(),
            address_at=body.address_at,
        )
        return Response(status=204)

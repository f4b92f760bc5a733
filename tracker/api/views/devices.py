"""My phones: pair one, list them, retire one."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.urls import reverse
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from pydantic import BaseModel, Field
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access import devices
from tracker.access.models import Device
from tracker.access.policy import Action
from tracker.access.principal import Principal
from tracker.accounts import known_devices
from tracker.accounts.models import User
from tracker.api.exceptions import APIProblem
from tracker.api.openapi import LOCATION, problems
from tracker.api.parsers import validate
from tracker.api.views.base import ClinicalAPIView, principal_of, session_of
from tracker.lib.strict_model import Id, StrictModel
from tracker.lib.strict_text import STORABLE
from tracker.outbox import security_notices


class DeviceIn(StrictModel):
    """A phone that is paired: its own id, and a label to tell it by."""

    id: Id
    label: Annotated[str, Field(max_length=80), STORABLE] = ""


class DeviceOut(BaseModel):
    id: UUID
    label: str
    paired_at: datetime
    retired_at: datetime | None
    retires_at: datetime | None
    this_one: bool


class DeviceList(BaseModel):
    devices: list[DeviceOut]


def _device_out(device: Device, label: str, own_device_id: UUID | None) -> dict[str, Any]:
    return {
        "id": device.id,
        "label": label,
        "paired_at": device.paired_at,
        "retired_at": device.retired_at,
        "retires_at": device.retires_at,
        "this_one": device.id == own_device_id,
    }


class Devices(ClinicalAPIView):
    """
    My phones; and pair this one: the session that pairs is bound to it, once and for good.

    From then on every call sends ``X-Device`` with the id of the phone. Pairing a further phone needs a sign-in of
    the last five minutes, and so does signing in anew on a phone, which ends its former sign-in: 409 `device_in_use`
    while that lives and another phone is signed in too. Either way the phone is new for a day. Pairing again in the
    same session changes nothing but the label, which is empty where none is sent.
    """

    actions = {"GET": Action.USE_DEVICE, "POST": Action.USE_DEVICE}
    methods_before_pairing = frozenset({"POST"})

    @extend_schema(operation_id="devices_list", summary="List my phones", responses={200: DeviceList})
    def get(self, request: Request) -> Response:
        principal = principal_of(request)
        own = Device.objects.filter(patient_id=principal.own_patient_id).order_by("-paired_at", "id")
        labels = devices.labels(principal.own_patient_id) if principal.own_patient_id else {}
        listed = [_device_out(device, labels.get(device.id, ""), principal.device_id) for device in own]
        return Response({"devices": listed})

    @extend_schema(
        operation_id="devices_pair",
        summary="Pair this phone",
        parameters=[LOCATION],
        request=DeviceIn,
        responses={
            200: DeviceOut,
            201: DeviceOut,
            **problems("reauthentication_required", "device_retired", "device_in_use", "already_paired"),
        },
    )
    def post(self, request: Request) -> Response:
        body = validate(DeviceIn, request.data)
        principal, at = principal_of(request), timezone.now()
        try:
            device, new = devices.pair(
                principal=principal,
                session_key=session_of(request).key,
                device_id=body.id,
                label=body.label,
                at=at,
            )
        except devices.DeviceRetired:
            raise APIProblem("device_retired") from None
        except devices.DeviceInUse:
            raise APIProblem("device_in_use") from None
        except devices.DeviceMismatch:
            raise APIProblem("already_paired") from None
        email = User.objects.values_list("email", flat=True).get(pk=principal.user_id)
        known_devices.remember([email, str(principal.user_id)], str(body.id))
        if principal.device_id is None:
            # An id that is known proves nothing: a sign-in that takes a phone over is told as a new phone is.
            _notify(principal, "device-paired", at)
        shown = _device_out(device, body.label, body.id)
        if not new:
            return Response(shown)
        return Response(shown, 201, headers={"Location": reverse("device", args=[device.id])})


class OneDevice(ClinicalAPIView):
    """
    Retire a phone: its sign-in ends with it.

    A phone that was paired, or signed in anew, within the last day retires an older one a day later: 202, and
    ``retires_at`` of that phone says when. The older one can keep itself until then (PUT).
    """

    actions = {"DELETE": Action.USE_DEVICE, "PUT": Action.USE_DEVICE}

    @extend_schema(
        operation_id="devices_retire",
        summary="Retire a phone",
        request=None,
        responses={202: None, 204: None},
    )
    def delete(self, request: Request, device_id: UUID) -> Response:
        principal, at = principal_of(request), timezone.now()
        later = devices.retire(principal=principal, device_id=device_id, at=at) > at
        _notify(principal, "device-retires" if later else "device-retired", at)
        return Response(status=202 if later else 204)

    @extend_schema(
        operation_id="devices_keep",
        summary="Keep a phone that was to be retired",
        request=None,
        responses={204: None},
    )
    def put(self, request: Request, device_id: UUID) -> Response:
        """Keep a phone that was to be retired."""
        devices.cancel_retirement(principal=principal_of(request), device_id=device_id, at=timezone.now())
        return Response(status=204)


def _notify(principal: Principal, words: str, at: datetime) -> None:
    security_notices.notify(clinic_id=principal.clinic_id, user_id=principal.user_id, words=words, at=at)

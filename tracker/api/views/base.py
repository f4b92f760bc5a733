"""The base of every API view: one transaction, one policy, one principal."""

from collections.abc import Collection
from typing import Any, ClassVar
from uuid import UUID

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.plumbing import ResolvedComponent
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.views import APIView

from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.principal import Principal
from tracker.accounts import sessions
from tracker.api import auditing
from tracker.api.exceptions import APIProblem
from tracker.api.permissions import ActionPermission
from tracker.audit import actions as audit
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.lib import logs

log = logs.get(__name__)


class ClinicalAPIView(APIView):
    """
    A view whose whole request is one transaction, inside the walls of the person who asks.

    ``actions`` names the right that each method needs; a view without it does not start. A patient needs a paired
    device, save where ``needs_device`` says otherwise.
    """

    actions: ClassVar[dict[str, policy.Action]]
    needs_device: ClassVar[bool] = True
    permission_classes = [ActionPermission]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(cls, name)}
        if methods != set(getattr(cls, "actions", ())):
            raise TypeError(f"{cls.__name__} must name one action for each of its methods")

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with audit.collecting() as trail:
            with transaction.atomic():
                response = super().dispatch(request, *args, **kwargs)
                stands = response.status_code < 400 or getattr(response, "commits", False)
                if stands:
                    auditing.record_response(trail, self, response)
                else:
                    transaction.set_rollback(True)
            if not stands:
                auditing.record_refusal(self, response)
        response["Cache-Control"] = response.get("Cache-Control", "no-store")
        return response


class RecordsAPIView(ClinicalAPIView):
    """
    A view of records: where the database refuses a batch for a reason that nobody foresaw, it is tried once more
    record by record (``is_retry_by_record``), so that the one that cannot be stored does not hold up the others.

    Bad text in a record refuses that record alone.
    """

    takes_spoilt = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().dispatch(request, *args, **kwargs)
        except (IntegrityError, DataError):
            log.warning("second_try")
            request.is_retry_by_record = True
            return super().dispatch(request, *args, **kwargs)


def is_retry_by_record(request: Request) -> bool:
    """Return whether this request is tried for the second time, record by record."""
    return getattr(request._request, "is_retry_by_record", False)


def principal_of(request: Request) -> Principal:
    """Return who asks."""
    principal: object = request.user
    assert isinstance(principal, Principal)
    return principal


def session_of(request: Request) -> sessions.SessionData:
    """Return the session that the request came with."""
    held: object = request.auth
    assert isinstance(held, sessions.SessionData)
    return held


def uuid_or_refuse(text: str, name: str) -> UUID:
    """Return a UUID from a query parameter."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise APIProblem(
        400, "invalid", "A parameter cannot be taken.", [{"parameter": name, "code": "not_a_uuid"}]
    )


def action_of(request: Request) -> policy.Action:
    """Return what the route lets its caller do, by the method that was asked for."""
    view = request.parser_context["view"]
    wanted: policy.Action = view.actions["GET" if request.method == "HEAD" else request.method]
    return wanted


def patient_of(request: Request, purpose: str, categories: Collection[policy.Category]) -> Patient:
    """
    Return the patient a request is about: the caller, or for others the one named by ``?patient=``.

    ``categories`` are what the answer is about: one of them at least must be shared with the caller. The only
    way of a route to a patient: it checks relation and consent, and leaves a trace for all but the patient.
    """
    principal = principal_of(request)
    named = request.query_params.get("patient")
    if principal.patient_id is not None:
        if named and named != str(principal.patient_id):
            raise NotFoundOrHidden
        return Patient.objects.get(pk=principal.patient_id)
    if not named:
        raise APIProblem(
            400, "invalid", "Name a patient.", [{"parameter": "patient", "code": "missing_field"}]
        )
    return open_chart(
        principal,
        uuid_or_refuse(named, "patient"),
        purpose=purpose,
        at=timezone.now(),
        action=action_of(request),
        categories=categories,
    )


def limit_of(request: Request, *, most: int = 200, usual: int = 50) -> int:
    """Return ``?limit=`` from 1 to ``most``."""
    text = request.query_params.get("limit", str(usual))
    if text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= most:
        return int(text)
    raise APIProblem(
        400, "invalid", f"limit must be from 1 to {most}.", [{"parameter": "limit", "code": "out_of_range"}]
    )


def only(request: Request, *names: str) -> None:
    """Refuse query parameters that this route does not know, by name."""
    unknown = sorted(set(request.query_params) - set(names))
    if unknown:
        errors = [{"parameter": name[:80], "code": "unknown_field"} for name in unknown[:20]]
        raise APIProblem(400, "invalid", "Some parameters are not known here.", errors)


class PydanticInSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Lets pydantic models stand for serializers in the OpenAPI schema."""

    target_class = BaseModel
    match_subclasses = True

    def get_name(self, auto_schema: Any, direction: Any) -> str:
        return str(self.target.__name__)

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        schema = self.target.model_json_schema(ref_template="#/components/schemas/{model}")
        for name, part in schema.pop("$defs", {}).items():
            component = ResolvedComponent(  # type: ignore[no-untyped-call]
                name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part
            )
            auto_schema.registry.register_on_missing(component)
        return schema

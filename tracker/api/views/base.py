"""The base of every API view: one transaction, one policy, one principal."""

from collections.abc import Collection
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import APIException
from rest_framework.request import Empty, Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracker.access import policy
from tracker.access.chart import open_chart
from tracker.access.principal import Principal
from tracker.accounts import request_throttle, routes, sessions
from tracker.api import auditing, versions
from tracker.api.exceptions import parameter_problem
from tracker.api.parsers import validate
from tracker.api.permissions import ActionPermission
from tracker.api.queries import NoParameters, parse_query
from tracker.api.versions import Deprecation
from tracker.audit import actions as audit
from tracker.clinics.errors import NotFoundOrHidden
from tracker.clinics.models import Patient
from tracker.lib.strict_model import StrictModel


class ClinicalAPIView(APIView):
    """
    A view whose whole request is one transaction, in the row-level security context of its principal.

    ``actions`` names the right that each method needs; a view without it does not start. ``queries`` names the model
    of the query parameters of a method; a method without one takes no parameters. A patient needs a paired device,
    save for ``methods_before_pairing``. ``deprecations`` names the methods that are about to end.
    """

    actions: ClassVar[dict[str, policy.Action]]
    queries: ClassVar[dict[str, type[StrictModel]]] = {}
    deprecations: ClassVar[dict[str, Deprecation]] = {}
    methods_before_pairing: ClassVar[frozenset[str]] = frozenset()
    permission_classes = [ActionPermission]

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        methods = {name.upper() for name in ("get", "post", "put", "patch", "delete") if hasattr(cls, name)}
        if methods != set(getattr(cls, "actions", ())):
            raise TypeError(f"{cls.__name__} must name one action for each of its methods")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        method = method_of(request)
        versions.check(request, self.actions.get(method))
        if method in self.actions and method not in self.queries:
            parse_query(request, NoParameters)

    def _with_body_read(self, response: Any) -> Any:
        """The answer of a view; a refusal where a body was sent that it does not take, so that nothing is ignored."""
        request = getattr(self, "request", None)
        if response.status_code >= 400 or request is None or request._full_data is not Empty:
            return response
        if request.method not in routes.UNSAFE_METHODS or not request._request.META.get(
            "CONTENT_LENGTH", ""
        ).strip("0"):
            return response
        try:
            validate(NoParameters, request.data)
        except APIException as refusal:
            return self.finalize_response(request, self.handle_exception(refusal))
        return response

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        with audit.collecting() as buffer:
            with transaction.atomic():
                response = self._with_body_read(super().dispatch(request, *args, **kwargs))
                is_committed = response.status_code < 400 or getattr(response, "commits", False)
                if is_committed:
                    auditing.record_response(buffer, self, response)
                else:
                    transaction.set_rollback(True)
            if not is_committed:
                auditing.record_refusal(self, response)
        holder = getattr(request, "token_holder", None)
        if holder is not None:
            kind = request_throttle.kind_of(request.method)
            cost = request_throttle.cost(getattr(request, "decoded_bytes", 0))
            request_throttle.count(kind, holder.user_id, cost)
            for name, value in request_throttle.quota(kind, holder.user_id).headers().items():
                response[name] = value
            if isinstance(response, Response):
                response.add_post_render_callback(partial(_count_answer, kind, holder.user_id))
        if deprecation := self.deprecations.get(str(request.method)):
            for name, value in deprecation.headers().items():
                response[name] = value
        response["Cache-Control"] = response.get("Cache-Control", "no-store")
        return response


def _count_answer(kind: str, user_id: UUID, response: Response) -> None:
    cost = request_throttle.answer_cost(len(response.content))
    if cost:
        request_throttle.count(kind, user_id, cost)


def principal_of(request: Request) -> Principal:
    """Return the principal of a request."""
    principal: object = request.user
    assert isinstance(principal, Principal)
    return principal


def session_of(request: Request) -> sessions.SessionData:
    """Return the session that the request came with."""
    session: object = request.auth
    assert isinstance(session, sessions.SessionData)
    return session


def action_of(request: Request) -> policy.Action:
    """Return the action that a request needs the right to."""
    action: policy.Action = request.parser_context["view"].actions[method_of(request)]
    return action


def method_of(request: Request) -> str:
    """Return the method of a request; HEAD is a GET."""
    return "GET" if request.method == "HEAD" else str(request.method)


def patient_of(
    request: Request, patient_id: UUID | None, purpose: str, categories: Collection[policy.Category]
) -> Patient:
    """
    Return the patient a request is about: the caller, or for others the one that ``?patient=`` names.

    ``categories`` are what the answer is about: one of them at least must be shared with the caller. The only
    way of a route to a patient: it checks relation and consent, and leaves an event for all but the patient.
    """
    principal = principal_of(request)
    if principal.patient_id is not None:
        if patient_id not in (None, principal.patient_id):
            raise NotFoundOrHidden
        return Patient.objects.get(pk=principal.patient_id)
    if patient_id is None:
        raise parameter_problem("missing_field", "patient")
    return open_chart(
        principal,
        patient_id,
        purpose=purpose,
        at=timezone.now(),
        action=action_of(request),
        categories=categories,
    )

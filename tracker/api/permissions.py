"""Permissions: may this role use this method of this route?"""

from typing import Any

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from tracker.access import policy
from tracker.access.principal import Principal
from tracker.api.exceptions import APIProblem


class ActionPermission(BasePermission):
    """May somebody with this role use this method of this route? Which patients it reaches is another matter."""

    def has_permission(self, request: Request, view: Any) -> bool:
        principal: object = request.user
        if not isinstance(principal, Principal):
            return False
        action = view.actions.get("GET" if request.method == "HEAD" else request.method)
        # A method that the view does not have is answered with 405, whoever asks.
        if action is None:
            return True
        allowed = policy.role_may(principal.role, action)
        if allowed and principal.lacks_device and request.method not in view.methods_before_pairing:
            raise APIProblem("device_not_paired")
        return allowed

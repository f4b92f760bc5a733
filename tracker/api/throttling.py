"""Throttle of signed-in use of the API (``accounts.request_throttle``)."""

from typing import Any

from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from tracker.access.principal import Principal
from tracker.accounts import request_throttle


class SignedInThrottle(BaseThrottle):
    """Refuses a person who is over the limit. The view counts, once its transaction has ended."""

    def allow_request(self, request: Request, view: Any) -> bool:
        principal: object = request.user
        if isinstance(principal, Principal):
            try:
                request_throttle.check(request_throttle.kind_of(request.method), principal.user_id)
            except request_throttle.TooManyRequests as refused:
                view.too_many_requests = refused
                raise Throttled(refused.retry_after) from None
        return True

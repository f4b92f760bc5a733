"""The documentation page of the API."""

from typing import Any

from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.lib import middleware


class Docs(SpectacularSwaggerView):
    """The description of the interface for people to read. The page starts itself with an inline script."""

    public = "the description of the interface for people to read, the same for all"

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        response["Content-Security-Policy"] = middleware.CONTENT_SECURITY_POLICY.replace(
            "script-src 'self'", "script-src 'self' 'unsafe-inline'"
        )
        return response

"""The documentation page of the API, and its OpenAPI document."""

from functools import cache
from threading import Lock
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.encoding import force_bytes
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tracker.api import account_openapi
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


class Schema(SpectacularAPIView):
    """
    The OpenAPI document, as YAML or JSON.

    Made once in each process: making it takes a second of one core, and anybody may ask for it.
    """

    public = "the description of the interface, the same for all"
    _documents: ClassVar[dict[str, bytes]] = {}
    _lock: ClassVar[Lock] = Lock()

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        with self._lock:
            if renderer.media_type not in self._documents:
                made = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
                self._documents[renderer.media_type] = force_bytes(renderer.render(made.data, None, {}))
        return HttpResponse(
            self._documents[renderer.media_type],
            content_type=renderer.media_type,
            headers={"Content-Disposition": f'inline; filename="interlude.{renderer.format}"'},
        )


class AccountSchema(APIView):
    """The OpenAPI document of sign-in, as YAML."""

    public = "the description of the interface, the same for all"
    renderer_classes = [OpenApiYamlRenderer]

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        return HttpResponse(_account_document(), content_type="application/vnd.oai.openapi")


@cache
def _account_document() -> str:
    return account_openapi.as_yaml()

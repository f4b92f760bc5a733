"""JSON responses."""

from typing import Any

from rest_framework.renderers import BaseRenderer

from tracker.lib import wire_json


class JSONRenderer(BaseRenderer):
    """Writes JSON; instants are RFC 3339 in UTC."""

    media_type = "application/json"
    format = "json"
    charset = None

    def render(self, data: Any, accepted_media_type: Any = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        return wire_json.dump(data)

"""Jinja2 fragments for long tables; every value in them is escaped by the engine."""

from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe


def render_fragment(name: str, **context: Any) -> SafeString:
    """Return ``dashboard/jinja2/dashboard/<name>.html`` rendered, safe to stand in a page."""
    return mark_safe(render_to_string(f"dashboard/{name}.html", context, using="jinja2"))

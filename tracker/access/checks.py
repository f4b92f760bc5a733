"""System check: every URL declares the action it needs, or is declared public with a reason."""

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from tracker.access.policy import Action

TAG = "policy"
_METHODS = ("get", "post", "put", "patch", "delete")


def routes(resolver: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every route that is served, from the root on, with its view."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def actions_of(view: Any) -> set[Action]:
    """Return the actions that a view declares: a page one, a view of the API one for each of its methods."""
    page = getattr(view, "action", None)
    if isinstance(page, Action):
        return {page}
    kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
    declared = getattr(kind, "actions", None)
    if not isinstance(declared, dict):
        return set()
    served = {name.upper() for name in _METHODS if hasattr(kind, name)}
    return set(declared.values()) if served == set(declared) else set()


def public_reason(view: Any) -> str:
    """Return why anybody may ask for a view (``policy.public``); nothing where it does not say so."""
    kind = getattr(view, "cls", None) or getattr(view, "view_class", None)
    return getattr(view, "public", "") or getattr(kind, "public", "")


@checks.register(TAG)
def every_url_declares_an_action(**_: Any) -> list[checks.CheckMessage]:
    """Name each route that neither declares its actions nor is public."""
    return [
        checks.Error(
            f"Nobody has said who may use /{path}",
            hint="Name its action, or declare it public with a reason (access.policy).",
            id="access.E001",
        )
        for path, view in routes()
        if not actions_of(view) and not public_reason(view)
    ]

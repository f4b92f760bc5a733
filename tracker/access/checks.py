"""Nothing starts with a route of which nobody has said who may use it."""

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.urls import URLPattern, URLResolver, get_resolver

from tracker.access.policy import PUBLIC_ROUTES, PUBLIC_VIEWS, Action

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


def is_public(path: str, view: Any) -> bool:
    """Return whether a route stands on the list of those that anybody may ask for."""
    kind = getattr(view, "cls", None) or getattr(view, "view_class", None) or view
    return path in PUBLIC_ROUTES or kind.__module__.partition(".")[0] in PUBLIC_VIEWS


@checks.register(TAG)
def every_url_declares_an_action(**_: Any) -> list[checks.CheckMessage]:
    """Name each route that neither declares its actions nor is public."""
    return [
        checks.Error(
            f"Nobody has said who may use /{path}",
            hint="Name its action (access.policy), or put it on the list of public routes with a reason.",
            id="access.E001",
        )
        for path, view in routes()
        if not actions_of(view) and not is_public(path, view)
    ]

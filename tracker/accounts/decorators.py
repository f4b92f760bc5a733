"""Decorators of allauth's views, in the browser and in the app: what is answered is the caller's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse

from tracker.accounts import second_factor

View = Callable[..., HttpResponse]
Answer = Callable[[HttpRequest], HttpResponse]


def require_second_factor(is_due: Callable[[HttpRequest], bool], answer: Answer) -> Callable[[View], View]:
    """
    Answer a session whose owner has a second factor that was not shown in it.

    Such a session may have begun before the factor was set up, by somebody who had only the password.
    """

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            return answer(request) if is_due(request) else view(request, *args, **kwargs)

        return wrapper

    return decorator


def refuse_malformed_passkey(answer: Answer) -> Callable[[View], View]:
    """Answer a passkey's response that cannot be read; on a GET it is our own mistake and is raised."""

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except second_factor.MALFORMED_PASSKEY:
                if request.method == "GET":
                    raise
                return answer(request)

        return wrapper

    return decorator

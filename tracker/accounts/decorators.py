"""Decorators of allauth's views, in the browser and in the app: what is answered is the caller's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse

from tracker.accounts import second_factor, sessions
from tracker.accounts.models import User
from tracker.lib import encryption, logs

log = logs.get(__name__)

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


class _LastFactorRemoved(Exception):
    """Rolls back what the view has done."""


def keep_last_factor(answer: Answer) -> Callable[[View], View]:
    """
    Answer a request that would leave somebody who needs a second factor with none; nothing is removed.

    The account is locked first: of two removals at once the second sees what the first has left.
    """

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            session = sessions.of_request(request)
            if request.method == "GET" or session is None or session.user_id is None:
                return view(request, *args, **kwargs)
            try:
                with transaction.atomic():
                    user = User.objects.select_for_update(no_key=True).get(pk=session.user_id)
                    had = second_factor.is_required(user) and second_factor.count(user) > 0
                    response = view(request, *args, **kwargs)
                    if had and second_factor.count(user) == 0:
                        raise _LastFactorRemoved
                    return response
            except _LastFactorRemoved:
                return answer(request)

        return wrapper

    return decorator


def refuse_unreadable_factor(answer: Answer) -> Callable[[View], View]:
    """Answer for a second factor whose secret cannot be decrypted; operations are told of it in the log."""

    def decorator(view: View) -> View:
        @wraps(view)
        def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                with transaction.atomic():
                    return view(request, *args, **kwargs)
            except encryption.DecryptionError:
                log.error("encrypted text unreadable", table="mfa_authenticator", count=1)
                return answer(request)

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

"""The web process's application. Only here are database connections pooled: Celery closes a pool between tasks."""

import gc
import os
from functools import cache
from importlib import import_module

from django.conf import settings
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from tracker.accounts import routes
from tracker.lib import listeners
from tracker.lib.admission import Admission, PersonLimit
from tracker.lib.answers import Send
from tracker.lib.asgi import Receive, Scope, WSGIInThreads

THREADS, SIGN_IN_THREADS, HEALTH_THREADS = 8, 5, 2
# Requests that wait for one of the threads of sign-in.
SIGN_IN_QUEUE = 32
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
# A connection for each thread. An empty value is none, as for every setting.
if not os.environ.get("DATABASE_POOL"):
    os.environ["DATABASE_POOL"] = str(THREADS + SIGN_IN_THREADS + HEALTH_THREADS)

# What a start makes, stays: to search it for garbage again and again is two fifths of the start's time.
gc.disable()
_django = get_wsgi_application()
# These need the apps, which are there only now.
refuse = import_module("backend.errors").refuse
# A phone sends one push after the other; a page of the dashboard asks for several parts at once.
_admission = Admission(
    reads=PersonLimit(running=4, waiting=32), writes=PersonLimit(running=1, waiting=8),
    cookie=settings.SESSION_COOKIE_NAME, token_paths=routes.API,
)  # fmt: skip
_product = WSGIInThreads(_django, threads=THREADS, refuse=refuse, admission=_admission)
_sign_in = WSGIInThreads(
    _django, threads=SIGN_IN_THREADS, refuse=refuse, admission=_admission, most_queued=SIGN_IN_QUEUE
)
_limit_listeners = cache(listeners.limit)
_health = WSGIInThreads(_django, threads=HEALTH_THREADS, refuse=refuse, reads_body=False)
# A route of which nobody has said who may use it is not served: nor is any other until somebody does.
_PROBLEMS = [problem.msg for problem in run_checks(tags=["policy", "alert_rules"])]
if _PROBLEMS:
    raise ImproperlyConfigured("; ".join(_PROBLEMS))
import_module("backend.startup").check_service()
gc.freeze()
gc.enable()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """
    Serve the product. Health and tries of a secret have threads and connections of their own.

    So health answers when nothing else does, and who is signed in never waits for who tries passwords.
    """
    # Not before: the listening socket is made after this module has been imported.
    _limit_listeners()
    await _part(scope["method"], scope["path"])(scope, receive, send)


def _part(method: str, path: str) -> WSGIInThreads:
    if path.startswith("/health/") and "/." not in path:
        return _health
    return _sign_in if routes.is_try(method, path) else _product

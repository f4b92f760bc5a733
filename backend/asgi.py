"""The web process's application. Only here are database connections pooled: Celery closes a pool between tasks."""

import os
from importlib import import_module

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from tracker.lib.asgi import Receive, Scope, Send, WSGIInThreads

THREADS, HEALTH_THREADS = 8, 2
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
# A connection for each thread.
os.environ.setdefault("DATABASE_POOL", str(THREADS + HEALTH_THREADS))

_django = get_wsgi_application()
_product = WSGIInThreads(_django, threads=THREADS)
_health = WSGIInThreads(_django, threads=HEALTH_THREADS, reads_body=False)
# A route of which nobody has said who may use it is not served: nor is any other until somebody does.
_PROBLEMS = [problem.msg for problem in run_checks(tags=["policy", "alert_rules"])]
if _PROBLEMS:
    raise ImproperlyConfigured("; ".join(_PROBLEMS))
# It needs the models, which are there only now.
import_module("backend.startup").check_service()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve the product; health from threads and connections of its own, so that it answers when nothing else does."""
    part = _health if scope["path"].startswith("/health/") else _product
    await part(scope, receive, send)

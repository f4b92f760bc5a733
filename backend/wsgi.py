"""The web process. Only here are database connections pooled: Celery closes a pool between tasks."""

import os
from importlib import import_module

from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from tracker.lib import wsgi

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
os.environ.setdefault("DATABASE_POOL", "8")

application = wsgi.DrainRequestBody(get_wsgi_application())
# A route of which nobody has said who may use it is not served: nor is any other until somebody does.
_PROBLEMS = [problem.msg for problem in run_checks(tags=["policy", "alert_rules"])]
if _PROBLEMS:
    raise ImproperlyConfigured("; ".join(_PROBLEMS))
# It needs the models, which are there only now.
import_module("backend.startup").check_service()

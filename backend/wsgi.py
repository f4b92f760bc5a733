"""The web process. Only here are database connections pooled: Celery closes a pool between tasks."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
os.environ.setdefault("DATABASE_POOL", "8")

application = get_wsgi_application()

"""The project: settings, timetable, urls. Importing it hands on the Celery app."""

from backend.celery import app as celery_app

__all__ = ["celery_app"]

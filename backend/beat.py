"""
Beat's Celery app: the schedule and the broker's address, and none of the product's other settings.

Beat only names tasks. With the product's settings it held the master key, the lookup key and the database's address for
nothing: ``celery -A backend.beat beat`` needs ``REDIS_URL`` alone.
"""

from logging.config import dictConfig
from typing import Any

from celery import Celery
from celery.loaders.app import AppLoader
from celery.signals import setup_logging

from backend import env
from backend.celery import SCHEDULE
from tracker.lib import logs

# As ``backend.settings`` has them for those who send tasks (tests/backend/test_beat.py compares).
CONFIGURATION: dict[str, Any] = {
    "broker_transport": "backend.broker:Transport",
    "broker_transport_options": {
        "max_retries": 0,
        "socket_connect_timeout": 1,
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "priority",
    },
    "broker_connection_retry_on_startup": True,
    "task_publish_retry": False,
    "task_ignore_result": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "timezone": "UTC",
}


class _Loader(AppLoader):
    """Imports no tasks: they are sent by their names, and would need the settings."""

    def import_default_modules(self) -> list[Any]:
        return []


app = Celery("interlude", loader=_Loader, fixups=[], set_as_current=False)
app.conf.update(CONFIGURATION, broker_url=env.broker("REDIS_URL"), beat_schedule=SCHEDULE)


@setup_logging.connect
def _begin(**_: Any) -> None:
    """Called by Celery in beat's process, before it reads the schedule."""
    # Without Django nobody else does: lines by the allow-list, like those of the other processes.
    dictConfig(logs.SETTINGS)
    # An entry of the schedule's file asks for the app that is current; that of ``backend.celery`` has no settings here.
    app.set_current()
    app.set_default()

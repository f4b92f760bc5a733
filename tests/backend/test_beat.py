"""Beat has an app of its own, without the product's settings, and sends tasks as the product would."""

import pytest
from django.conf import settings

from backend import beat, celery, queues


@pytest.mark.parametrize("name", sorted(beat.CONFIGURATION))
def test_beat_sends_tasks_as_the_settings_say(name):
    assert beat.CONFIGURATION[name] == getattr(settings, f"CELERY_{name.upper()}")


def test_beat_sends_to_the_products_broker_and_every_task_of_its_schedule_exists():
    celery.app.loader.import_default_modules()

    assert beat.app.conf.broker_url == settings.CELERY_BROKER_URL
    assert {entry["options"]["queue"] for entry in beat.app.conf.beat_schedule.values()} == set(
        queues.IN_ORDER
    )
    assert {entry["task"] for entry in beat.app.conf.beat_schedule.values()} > celery.SAFETY_TASKS
    assert {entry["task"] for entry in beat.app.conf.beat_schedule.values()} <= set(celery.app.tasks)

"""A task works inside walls, and in a person's name only with the rights that they hold when it runs."""

import threading
import uuid
from typing import Any

import pytest
from celery import Celery
from django.db import connection, transaction
from django.utils import timezone

from backend.celery import app
from tests import make
from tests.phone import Phone
from tracker.access.principal import InactiveUser
from tracker.clinics.models import TeamMembership
from tracker.lib import rls
from tracker.people.jobs import Job
from tracker.records.models import PainEntry


@pytest.fixture
def job() -> Job:
    return Job()


def leave_the_team(live: Any) -> None:
    """In a thread, and so on a connection, of its own."""
    with transaction.atomic(), rls.as_clinic(live.world.clinic.pk):
        TeamMembership.objects.filter(staff_member=live.world.ben).update(ends_at=timezone.now())
    connection.close()


def test_every_task_of_the_product_stands_on_it():
    app.loader.import_default_modules()
    own = [task for name, task in app.tasks.items() if name.startswith("tracker.")]

    assert len(own) >= 5
    assert all(isinstance(task, Job) for task in own)


def test_a_task_reads_nothing_more_once_the_person_it_works_for_has_left_the_team(live, job):
    Phone(live.world.ada.user).push(make.pain(4))
    ben = live.world.ben.user_id

    with job.as_person(ben):
        before = PainEntry.objects.count()
    leave = threading.Thread(target=leave_the_team, args=(live,))
    leave.start()
    leave.join()
    with job.as_person(ben) as principal:
        after = PainEntry.objects.count()

    assert (before, after) == (1, 0)
    assert live.world.ada.pk not in principal.patients


def test_a_task_for_somebody_who_was_switched_off_does_nothing(live, job):
    type(live.world.ben.user).objects.filter(pk=live.world.ben.user_id).update(is_active=False)

    with pytest.raises(InactiveUser), job.as_person(live.world.ben.user_id):
        raise AssertionError("nothing is done in the name of nobody")


def test_no_context_outlives_a_step(live, job):
    Phone(live.world.ada.user).push(make.pain(4))
    with job.for_clinic(live.world.clinic.pk):
        assert PainEntry.objects.count() == 1

    with transaction.atomic():
        assert PainEntry.objects.count() == 0
    with job.for_clinic(uuid.uuid4()):
        assert PainEntry.objects.count() == 0


def test_a_step_inside_another_transaction_is_a_mistake_that_is_told(live, job):
    with transaction.atomic(), pytest.raises(RuntimeError, match="outside"), job.for_clinic(uuid.uuid4()):
        pass


def test_the_base_is_the_apps_own():
    assert isinstance(app, Celery)
    assert issubclass(app.Task, Job)

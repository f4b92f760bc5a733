"""
The base of every Celery task: work is done inside walls, and a person's rights are asked for when it is done.

A task that somebody asked for is sent with that person's id and nothing else. Each step of it enters as that person
again, from the database: whoever has left the team since then reads nothing more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from celery import Task
from django.db import connection, transaction
from django.utils import timezone

from tracker.access import principal
from tracker.access.principal import Principal
from tracker.lib import rls


class Job(Task):  # type: ignore[type-arg]
    """A task of this product. No context outlives it: a step is a transaction, and the walls end with that."""

    @contextmanager
    def as_person(self, user_id: UUID) -> Iterator[Principal]:
        """
        One step in the name of who asked for it, with the rights that they hold now.

        :raises access.InactiveUser: if they have been switched off since.
        """
        self._begin()
        with transaction.atomic():
            yield principal.load_principal(user_id, timezone.now())

    @contextmanager
    def for_clinic(self, clinic_id: UUID) -> Iterator[None]:
        """One step of a clinic's own work."""
        self._begin()
        with transaction.atomic(), rls.as_clinic(clinic_id):
            yield

    def _begin(self) -> None:
        if connection.in_atomic_block:
            raise RuntimeError("a step begins outside of any transaction: its context ends with it")

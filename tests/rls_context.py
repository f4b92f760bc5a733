"""
Row-level security in tests: who acts, and until when.

A request's context ends with its transaction. A test is one transaction for many requests, so here it ends with the
request (``end_with_request``) or with the block.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from tests import factories
from tracker.access.principal import Principal, load_principal
from tracker.accounts.models import User
from tracker.clinics.models import Patient, StaffMember
from tracker.lib import rls

_RESET = "SELECT " + ", ".join(f"set_config('app.{name}', '', true)" for name in rls.SETTINGS)


def act_as(person: StaffMember | Patient | User, at: datetime = factories.MONDAY) -> Principal:
    """Begin as a request of this person does, whoever acted before; they act until another context begins."""
    user_id = person.pk if isinstance(person, User) else person.user_id
    assert user_id
    rls.reset()
    return load_principal(user_id, at)


@contextmanager
def as_user(person: StaffMember | Patient | User, at: datetime = factories.MONDAY) -> Iterator[Principal]:
    """Act as this person, whoever acted before; nobody acts afterwards."""
    with _nobody():
        yield act_as(person, at)


@contextmanager
def as_clinic(clinic_id: UUID) -> Iterator[None]:
    """Read and write as a job of the clinic's own, whoever acted before; nobody acts afterwards."""
    with _nobody(), rls.as_clinic(clinic_id):
        yield


@contextmanager
def _nobody() -> Iterator[None]:
    """A transaction, or a part of the test's, with no context at its beginning and its end."""
    try:
        with transaction.atomic():
            rls.reset()
            yield
    finally:
        if connection.in_atomic_block and not connection.needs_rollback:
            rls.reset()


def end_with_request(**_: Any) -> None:
    """Forget the context of a request that has been answered; no query that a test counts."""
    open_one = connection.connection
    if open_one is not None and open_one.info.transaction_status == TransactionStatus.INTRANS:
        open_one.execute(_RESET)

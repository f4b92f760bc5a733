"""
What every process asks before it works: is the database new enough, are the keys those that it was encrypted with?

One sentence and no start if not. A service starts without its database, which may come later: then it asks at the first
connection, and gives no answer until that is good.
"""

from typing import Any

from celery.signals import worker_init
from django.conf import settings
from django.db import DatabaseError, InterfaceError, NotSupportedError, OperationalError, connection
from django.db.backends.signals import connection_created
from django.utils import timezone

from backend import env
from tracker.audit import anchoring
from tracker.keys import fingerprints
from tracker.lib import database_errors, logs

log = logs.get(__name__)


def check_service() -> None:
    """Check before a lasting process begins: web, worker or watch. A database that is away is asked later."""
    if settings.MAIL_BY == "folder":
        log.warning("mail goes to the folder MAIL_DIR and reaches nobody, SMTP_HOST is not set")
    try:
        check()
    except (DatabaseError, InterfaceError) as problem:
        sentence = database_errors.explain(problem) or type(problem).__name__
        if not database_errors.is_away(problem):
            raise env.BadEnvironment(sentence) from None
        # Whole, since a wrong password is mended by who reads why: it names server, role and database, and no patient.
        log.warning("database away, keys are checked later", error=sentence)
        connection_created.connect(check_at_connection)
    finally:
        # Who forks now must not share a connection with its children.
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


def check_signing_service() -> None:
    """Check before worker or watch begins: they sign the audit's anchors too."""
    try:
        anchoring.signing_key()
    except anchoring.NoAnchorKey as problem:
        raise env.BadEnvironment(str(problem)) from None
    check_service()


def check() -> None:
    """
    Check before a command begins.

    :raises DatabaseError: if the database is away, or not migrated.
    """
    try:
        fingerprints.check(at=timezone.now())
    except fingerprints.WrongKey as problem:
        raise env.BadEnvironment(str(problem)) from None
    except NotSupportedError as problem:
        raise env.BadEnvironment(f"{database_errors.explain(problem)}") from None


@worker_init.connect
def _check_worker(**_: Any) -> None:
    check_signing_service()


def check_at_connection(connection: Any, **_: Any) -> None:
    """Check as soon as there is a database. Called by Django with each new connection until all was found right."""
    try:
        fingerprints.check(at=timezone.now())
    except fingerprints.WrongKey as problem:
        log.error("a key is not the database's own, nothing is answered", error=str(problem))
        # Without this the next request would find the connection open, and ask nothing.
        connection.close()
        raise OperationalError(str(problem)) from None
    except (DatabaseError, InterfaceError):
        return  # Away again, or not migrated yet: asked again at the next connection.
    connection_created.disconnect(check_at_connection)

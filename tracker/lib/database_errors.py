"""What an operator can mend, from an error of the database: one sentence with the remedy."""

import psycopg
from django.db import DatabaseError, InterfaceError, NotSupportedError
from psycopg import errors

_AWAY = (
    errors.AdminShutdown,
    errors.CrashShutdown,
    errors.CannotConnectNow,
    errors.IdleInTransactionSessionTimeout,
    errors.TooManyConnections,
)
NOT_MIGRATED = "The database is not migrated: run manage.py prepare_database."


def explain(problem: BaseException, *, address: str = "DATABASE_URL") -> str | None:
    """
    Return one sentence for the operator, or None if the error is a mistake of ours.

    ``address`` names the setting that the connection was made by.
    """
    cause = _cause(problem)
    if isinstance(problem, NotSupportedError):
        return f"The database server is too old: {problem}"
    if isinstance(problem, InterfaceError):
        return "The database went away in between: run the command again when it is back."
    if not isinstance(cause, psycopg.Error) or not isinstance(problem, DatabaseError | psycopg.Error):
        return None
    if is_unmigrated(problem):
        return NOT_MIGRATED
    return _by_kind(cause, address)


def is_unmigrated(problem: BaseException) -> bool:
    """Return whether a table, column or function is not there."""
    cause = _cause(problem)
    return isinstance(cause, errors.UndefinedTable | errors.UndefinedColumn | errors.UndefinedFunction)


def is_away(problem: BaseException) -> bool:
    """Return whether there is no connection, or it broke: an error that goes by itself when the database is back."""
    cause = _cause(problem)
    # A connection that was refused, or broke, has no code of an error of SQL.
    refused = isinstance(cause, psycopg.OperationalError) and not cause.sqlstate
    return refused or isinstance(cause, _AWAY) or isinstance(problem, InterfaceError)


def is_read_only(problem: BaseException) -> bool:
    """Return whether the database takes no changes: a standby, or one that was set to read-only."""
    return isinstance(_cause(problem), errors.ReadOnlySqlTransaction)


def _cause(problem: BaseException | None) -> BaseException | None:
    """Return the library's own error, below those that Django made of it."""
    while problem is not None and not isinstance(problem, psycopg.Error):
        problem = problem.__cause__ or problem.__context__
    return problem


def _by_kind(cause: psycopg.Error, address: str) -> str | None:
    if isinstance(cause, errors.InsufficientPrivilege):
        return _lacking_right(cause)
    if isinstance(cause, errors.ReadOnlySqlTransaction):
        return f"The database takes no changes, it is read-only: {address} must name the primary server."
    if isinstance(cause, errors.LockNotAvailable):
        return "Somebody holds a lock that this needs, and it was not waited for: run the command again."
    if isinstance(cause, errors.DiskFull):
        return "The database server's disk is full: nothing was changed."
    if is_away(cause):
        return f"The database cannot be reached; check {address}. It said: {first_line(cause)}"
    return None


def _lacking_right(cause: psycopg.Error) -> str | None:
    # Refused by row-level security: no right that an operator forgot, but a mistake of ours.
    if "row-level security" in str(cause):
        return None
    return (
        f"The database role lacks a right ({first_line(cause)}): set DATABASE_OWNER_URL to the address of the role"
        " that owns the tables, and run manage.py prepare_database."
    )


def first_line(problem: BaseException) -> str:
    """Return what the server or the library said, without the lines that explain it."""
    return (str(problem).strip().splitlines() or [type(problem).__name__])[0]

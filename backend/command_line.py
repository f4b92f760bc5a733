"""Django's command line: which commands run as the owner of the tables, and database errors in one sentence."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

import psycopg
from django.conf import settings
from django.core.management import ManagementUtility, get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, connection

from backend import env, startup
from tracker.lib import database_errors
from tracker.lib.database_owner import connected_as_owner

# Django's own that change or compare the schema. Ours say so themselves, with ``runs_as_owner = True``.
OWNER_COMMANDS = frozenset(
    {
        "flush",
        "makemigrations",
        "migrate",
        "showmigrations",
        "sqlmigrate",
        "sqlsequencereset",
        "squashmigrations",
    }
)


def runs_as_owner(name: str, command: BaseCommand) -> bool:
    """Return whether a command connects by ``DATABASE_OWNER_URL``, where that is set."""
    return name in OWNER_COMMANDS or getattr(command, "runs_as_owner", False)


def checks_keys(name: str, command: BaseCommand, arguments: Sequence[str]) -> bool:
    """Return whether a command is refused with keys that are not the database's."""
    if {*arguments} & getattr(command, "options_without_database", frozenset()):
        return False
    uses_database = getattr(command, "uses_database", True)
    return (
        type(command).__module__.startswith("tracker.") and uses_database and not runs_as_owner(name, command)
    )


def execute(arguments: Sequence[str]) -> None:
    """Run a command of ``manage.py``; what an operator can mend is one sentence and exit code 1."""
    name, asks_for_help = (arguments[1] if len(arguments) > 1 else "help"), {"-h", "--help"} & {*arguments}
    command = _command(name)
    if command is None or asks_for_help:
        ManagementUtility([*arguments]).execute()
        return
    as_owner = runs_as_owner(name, command)
    if as_owner:
        _refuse_two_databases()
    try:
        with _connected(command, as_owner=as_owner):
            if checks_keys(name, command, arguments):
                is_watch = getattr(command, "is_service", False)
                check = startup.check_signing_service if is_watch else startup.check
                check()
            ManagementUtility([*arguments]).execute()
    except (DatabaseError, InterfaceError, psycopg.Error) as problem:
        address = "DATABASE_OWNER_URL" if as_owner else "DATABASE_URL"
        sentence = database_errors.explain(problem, address=address)
        if sentence is None or "--traceback" in arguments:
            raise
        connection.close()
        sys.stderr.write(f"CommandError: {sentence}\n")
        sys.exit(1)


def _connected(command: BaseCommand, *, as_owner: bool) -> AbstractContextManager[None]:
    if as_owner:
        return connected_as_owner()
    return nullcontext() if getattr(command, "is_service", False) else _without_statement_timeout()


@contextmanager
def _without_statement_timeout() -> Iterator[None]:
    """Let a command that somebody waits for last as long as it must; ``access.database_roles`` limits the services."""
    options = connection.settings_dict["OPTIONS"]
    before = options.get("options", "")
    options["options"] = f"{before} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    try:
        yield
    finally:
        options["options"] = before


def _refuse_two_databases() -> None:
    """Refuse an owner's address of another database: the command would do well, and change the wrong one."""
    owner = settings.DATABASE_OWNER
    if owner is not None and owner["NAME"] != settings.DATABASE_APP["NAME"]:
        raise env.BadEnvironment(
            f"DATABASE_URL names the database {settings.DATABASE_APP['NAME']} and DATABASE_OWNER_URL {owner['NAME']}:"
            " both must name the same one."
        )


def _command(name: str) -> BaseCommand | None:
    app = get_commands().get(name)
    if app is None:
        return None
    return app if isinstance(app, BaseCommand) else load_command_class(app, name)

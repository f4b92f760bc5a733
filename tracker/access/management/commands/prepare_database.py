"""``manage.py prepare_database``: roles, database, migrations, rights and catalogue in one command."""

import sys
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.access import database_roles
from tracker.lib.database_owner import connected_as_owner

STEPS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Migrating ...", "migrate", {"interactive": False}),
    ("Giving the product's role its rights ...", "grant_app_role", {}),
    ("Loading the catalogue of questionnaires ...", "load_catalogue", {}),
)


class Command(BaseCommand):
    help = (
        "Set the database up or bring it up to date; safe to repeat. With DATABASE_ADMIN_URL the roles and the database"
        " are made where they are missing; what is there is never changed."
    )
    runs_as_owner = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--owner-creates-databases", action="store_true",
            help="give a newly made owner CREATEDB: tests make databases of their own",
        )  # fmt: skip
        parser.add_argument(
            "--roles-only", action="store_true",
            help="make the roles and an empty database, into which a backup is restored, and stop",
        )  # fmt: skip

    def handle(self, *args: Any, owner_creates_databases: bool, roles_only: bool, **options: Any) -> None:
        admin, owner = settings.DATABASE_ADMIN, settings.DATABASE_OWNER
        if owner is None:
            raise CommandError("DATABASE_OWNER_URL is not set: it names the role that owns the tables.")
        if roles_only and admin is None:
            raise CommandError(
                "--roles-only needs DATABASE_ADMIN_URL: it names the role that makes the others."
            )
        try:
            if admin is not None:
                self.say("Making the database roles ...")
                database_roles.make(
                    admin=admin, owner=owner, app=settings.DATABASE_APP,
                    owner_creates_databases=owner_creates_databases, say=self.say,
                )  # fmt: skip
            if not roles_only:
                self.take_steps(owner)
        except database_roles.Unusable as problem:
            raise CommandError(str(problem)) from None

    def take_steps(self, address: database_roles.Address) -> None:
        owner = database_roles.connect(
            address, setting="DATABASE_OWNER_URL", patience_s=database_roles.START_SECONDS
        )
        with owner as connection, database_roles.one_at_a_time(connection, self.say), connected_as_owner():
            database_roles.set_timeouts(settings.DATABASE_APP)
            for sentence, name, given in STEPS:
                self.say(sentence)
                call_command(name, stdout=sys.stderr, stderr=sys.stderr, **given)

    def say(self, sentence: str) -> None:
        self.stdout.write(sentence)
        self.stdout.flush()

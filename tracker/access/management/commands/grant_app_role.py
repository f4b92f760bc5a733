"""``manage.py grant_app_role --role NAME``: give the application's role its rights, and check that it owns nothing."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from psycopg import sql

# What the application's role may not do, by ``db_rights`` of the table's model.
WITHOUT = {
    "append_only": "UPDATE, DELETE, TRUNCATE",
    "never_removed": "DELETE, TRUNCATE",
    "read_only": "INSERT, UPDATE, DELETE, TRUNCATE",
}


class Command(BaseCommand):
    runs_as_owner = True
    help = "Give the application's role its rights. Run as the owner, after every migrate; safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--role",
            default=settings.DATABASE_APP["USER"],
            help="the product's role (default: that of DATABASE_URL)",
        )

    @transaction.atomic
    def handle(self, *args: Any, role: str, **options: Any) -> None:
        with connection.cursor() as cursor:
            refuse_powerful(cursor, role)
            refuse_who_owns_nothing(cursor)
            name = sql.Identifier(role).as_string(connection.connection)
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")
            cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}")
            cursor.execute(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
            for table, rights in narrowed_tables().items():
                cursor.execute(f"REVOKE {WITHOUT[rights]} ON {table} FROM {name}")
        self.stdout.write(f"{role} may read and write the tables, and owns none of them.")


def narrowed_tables() -> dict[str, str]:
    """Return the tables whose model declares ``db_rights``, with what it declares."""
    declared = {model._meta.db_table: getattr(model, "db_rights", "") for model in apps.get_models()}
    return {table: rights for table, rights in declared.items() if rights} | {
        "django_migrations": "read_only"
    }


def refuse_who_owns_nothing(cursor: Any) -> None:
    """Refuse to grant in the name of a role that cannot: PostgreSQL only warns of it, and grants nothing."""
    cursor.execute(
        "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        " AND NOT pg_has_role(relowner, 'USAGE')"
    )
    if cursor.fetchone()[0]:
        raise CommandError(
            "Only the owner of the tables gives rights on them: set DATABASE_OWNER_URL to its address."
        )


def refuse_powerful(cursor: Any, role: str) -> None:
    """Refuse a role that row-level security does not hold for, by its own rights or by a role that it belongs to."""
    cursor.execute(
        "SELECT rolcreaterole,"
        " EXISTS (SELECT 1 FROM pg_roles p WHERE (p.rolsuper OR p.rolbypassrls)"
        " AND pg_has_role(r.oid, p.oid, 'MEMBER')),"
        " EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace"
        " AND pg_has_role(r.oid, c.relowner, 'MEMBER'))"
        " FROM pg_roles r WHERE rolname = %s",
        [role],
    )
    row = cursor.fetchone()
    if row is None:
        raise CommandError(f"There is no role {role}: create it first (docs/operations.md).")
    makes_roles, is_powerful, owns = row
    if makes_roles or is_powerful:
        raise CommandError(
            f"{role} is a superuser, makes roles or bypasses row security, or belongs to such a role: use a plain role."
        )
    if owns:
        raise CommandError(
            f"{role} owns tables, or belongs to who does, and could switch row security off: use a plain role."
        )

"""``manage.py grant_app_role --role NAME``: give the application's role its rights, and check that it owns nothing."""

from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.models import Model
from psycopg import sql

from tracker.lib import table_rights
from tracker.lib.table_rights import DEFAULT, READ_ONLY, TableRights

# Tables of other packages; those of ours say in their model what may be done with them.
OTHERS = {
    "auth_group": READ_ONLY,
    "auth_group_permissions": READ_ONLY,
    "auth_permission": READ_ONLY,
    "django_content_type": READ_ONLY,
    "mfa_authenticator": TableRights(delete="a second factor that its owner or an administrator removes"),
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
            # Also what a former version gave. A table that nothing declares gets nothing.
            for kind in ("TABLES", "SEQUENCES"):
                cursor.execute(f"REVOKE ALL ON ALL {kind} IN SCHEMA public FROM {name}")
            for table, granted in rights_by_table().items():
                cursor.execute(f"GRANT {', '.join(granted)} ON {table} TO {name}")
        self.stdout.write(f"{role} has the rights that the models declare, and owns no table.")


def rights_by_table() -> dict[str, list[str]]:
    """Return what is granted on each table, as SQL (``table_rights.granted``)."""
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: table_rights.granted(model, declared_rights(model)) for model in models} | {
        "django_migrations": ["SELECT"]
    }


def declared_rights(model: type[Model]) -> TableRights:
    """Return what a model declares as ``db_rights``, or what is said here of another package's."""
    rights: TableRights = getattr(model, "db_rights", OTHERS.get(model._meta.db_table, DEFAULT))
    return rights


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

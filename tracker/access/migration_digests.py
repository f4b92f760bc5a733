"""
Migrations that were regenerated: found before a database made by the former ones is taken for a current one.

Until the first release an app's migrations are squashed into the same files again. Django knows an applied migration by
its name alone, so ``migrate`` has nothing to do on such a database, and its tables differ. What each applied
migration did is therefore kept as a digest, in the comment of Django's own table. This goes with the first release.
"""

import hashlib
import json

from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.migration import Migration
from django.db.migrations.writer import MigrationWriter
from psycopg import sql


def refuse_changed() -> None:
    """
    Compare the applied migrations with those of this version.

    :raises CommandError: if one of them did something else when it was applied.
    """
    recorded, present = _recorded(), _present()
    changed = sorted(name for name, digest in present.items() if recorded.get(name) != digest)
    if changed:
        raise CommandError(
            f"This database was made by other migrations than this version's ({changed[0]} differs): before the"
            " first release nothing leads from one to the other, so start with a fresh database."
        )


def record() -> None:
    """Keep the digests of the migrations that are applied now."""
    with connection.cursor() as cursor:
        comment = sql.Literal(json.dumps(_present())).as_string(connection.connection)
        cursor.execute(f"COMMENT ON TABLE django_migrations IS {comment}")


def _present() -> dict[str, str]:
    loader = MigrationLoader(connection)
    migrations = [
        migration for key, migration in loader.disk_migrations.items() if key in loader.applied_migrations
    ]
    ours = [migration for migration in migrations if type(migration).__module__.startswith("tracker.")]
    return {f"{migration.app_label}.{migration.name}": _digest(migration) for migration in ours}


def _digest(migration: Migration) -> str:
    # Of the operations, and with the SQL that a migration reads from a file: comments and layout do not count.
    return hashlib.sha256(MigrationWriter(migration, include_header=False).as_string().encode()).hexdigest()[
        :16
    ]


def _recorded() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT obj_description(to_regclass('public.django_migrations'), 'pg_class')")
        comment = cursor.fetchone()[0]
    return json.loads(comment) if comment else {}

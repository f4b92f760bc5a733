"""``manage.py migrate``: Django's own, which refuses a database that former migrations have made."""

from typing import Any

from django.core.management.commands import migrate

from tracker.access import migration_digests


class Command(migrate.Command):
    runs_as_owner = True

    def handle(self, *args: Any, **options: Any) -> None:
        migration_digests.refuse_changed()
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            migration_digests.record()

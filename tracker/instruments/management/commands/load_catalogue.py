"""``manage.py load_catalogue``: publish the catalogue's files, as the owner of the tables."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tracker.instruments import catalogue, publishing


class Command(BaseCommand):
    runs_as_owner = True
    help = "Publish the instruments of the catalogue. Run as the owner, after migrate; safe to repeat."

    def handle(self, *args: Any, verbosity: int = 1, **options: Any) -> None:
        try:
            loaded = publishing.load(catalogue.all(), at=timezone.now())
        except publishing.PublishedVersionDiffersError as problem:
            raise CommandError(f"Nothing was loaded; {problem}.") from None
        except ValueError as problem:
            raise CommandError(f"Nothing was loaded; {problem}") from None
        if verbosity:
            for name in loaded.published:
                self.stdout.write(f"published {name}")
            self.stdout.write(f"{len(loaded.published)} published now, {len(loaded.unchanged)} as they were.")

"""``manage.py new_epoch --why TEXT``: after a restore from a backup, so that phones send again what it lacks."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from tracker.records.models import Epoch


class Command(BaseCommand):
    runs_as_owner = True
    help = "Begin a new epoch: every phone pulls from the start and pushes again. Run as the owner, once per restore."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--why", required=True, help="for those who come after: which backup, which accident"
        )

    def handle(self, *args: Any, why: str, **options: Any) -> None:
        epoch = Epoch.objects.create(began_at=timezone.now(), why=why[:200])
        self.stdout.write(f"Epoch {epoch.number} has begun.")

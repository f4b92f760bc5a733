"""``manage.py safety_status``: what ``GET /health/safety`` says, for who has the database and not the web server."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.alerts import safety_status


class Command(BaseCommand):
    help = "Ask whether worker and watch are at work and what is due goes out; ends with 1 if not."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--of", choices=(safety_status.WORKER, safety_status.WATCH), help="ask about one of them alone"
        )

    def handle(self, *args: Any, of: str | None, **options: Any) -> None:
        status = safety_status.read()
        failing = status.silent(of) if of else status.failing
        if failing:
            raise CommandError(f"{'; '.join(failing)}.")
        self.stdout.write("All is well.")

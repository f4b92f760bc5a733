"""``manage.py rederive [--apply]``: is every derived number what its record says?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.records import rebuild

_SHOWN = 20


class Command(BaseCommand):
    help = "Derive all observations and current values again and compare; exit code 1 where they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="write anew what differs")

    def handle(self, *args: Any, apply: bool, **options: Any) -> None:
        report = rebuild.check(repair=apply)
        self.stdout.write(f"{report.records} records, {report.observations} observations compared.")
        if report.unknown:
            self.stdout.write(
                f"{report.unknown} responses to versions of instruments that are not known, or were not: see rescore."
            )
        for patient_id, what, how in report.differences[:_SHOWN]:
            self.stdout.write(f"  patient/{patient_id}: {what} {how}")
        if report.differences and not apply:
            raise CommandError(f"{len(report.differences)} differences. --apply writes them anew.")
        self.stdout.write(
            f"{len(report.differences)} written anew." if report.differences else "No difference."
        )

"""``manage.py session_check FILE``: what follows from the events of treatment sessions, without a database."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.treatment import batch


class Command(BaseCommand):
    uses_database = False
    help = (
        'Check JSON lines such as {"events": [...]}: what is missing, what is due, whether discharge is allowed and why'
        " not, mg, mg/kg and cumulative dose; one JSON line each comes back."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="a file of JSON lines, or - for standard input")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        if file == "-":
            self._answer(sys.stdin.buffer)
            return
        try:
            with Path(file).open("rb") as lines:
                self._answer(lines)
        except OSError as problem:
            raise CommandError(f"{file} cannot be read: {problem.strerror}.") from None

    def _answer(self, lines: Any) -> None:
        for line in batch.check_lines(lines):
            self.stdout.write(line)

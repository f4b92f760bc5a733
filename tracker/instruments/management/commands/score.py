"""``manage.py score PHQ-9 FILE``: scores for lines of answers, without touching the database."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.instruments import batch, catalogue


class Command(BaseCommand):
    uses_database = False
    help = 'Score JSON lines such as {"answers": {"1": 0, "2": 3}}; one JSON line each comes back.'
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("instrument", help="such as PHQ-9 or phq-9@1999")
        parser.add_argument("file", help="a file of JSON lines, or - for standard input")
        parser.add_argument(
            "--prorate", action="store_true", help="where the instrument allows it on request (see docs)"
        )

    def handle(self, *args: Any, instrument: str, file: str, prorate: bool, **options: Any) -> None:
        try:
            form = catalogue.find(instrument)
        except catalogue.UnknownInstrumentError:
            known = ", ".join(dict.fromkeys(form.code for form in catalogue.all()))
            raise CommandError(f"There is no instrument {instrument!r}. There are: {known}.") from None
        if file == "-":
            self._answer(batch.score_lines(form, sys.stdin.buffer, prorate=prorate))
            return
        try:
            with Path(file).open("rb") as given:
                self._answer(batch.score_lines(form, given, prorate=prorate))
        except OSError as problem:
            raise CommandError(f"{file} cannot be read: {problem.strerror}.") from None

    def _answer(self, answered: Any) -> None:
        for line in answered:
            self.stdout.write(line)

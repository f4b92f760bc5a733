"""``manage.py check_questionnaire FILE``: every mistake in a clinic's own questionnaire, with its line."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.instruments import parsing


class Command(BaseCommand):
    uses_database = False
    help = "Check a questionnaire file against the catalogue's schema; every mistake is told with its line."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: Any, files: list[str], **options: Any) -> None:
        wrong = sum(not self._is_good(Path(file)) for file in files)
        if wrong:
            raise CommandError(f"{wrong} of {len(files)} cannot be used yet.")

    def _is_good(self, path: Path) -> bool:
        try:
            text = path.read_text(encoding="utf-8")
            form = parsing.read(text)
            parsing.check_portable(text)
        except OSError as problem:
            self.stdout.write(f"{path}: cannot be read: {problem.strerror}")
        except UnicodeDecodeError:
            self.stdout.write(f"{path}: is not UTF-8 text")
        except parsing.InvalidFile as problem:
            for mistake in problem.mistakes:
                self.stdout.write(f"{path}: {mistake}")
        else:
            self.stdout.write(f"{path}: {form.code}@{form.version} is good: {len(form.items)} items.")
            return True
        return False

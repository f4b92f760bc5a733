"""``manage.py load_wording --clinic ID FILE``: a clinic's own wording, with the permission that allows it."""

import argparse
import uuid
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from tracker.instruments import actions, catalogue, parsing
from tracker.instruments.wording import Wording
from tracker.lib import rls


def _clinic_id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not the id of a clinic") from None


class Command(BaseCommand):
    help = "Load a clinic's private wording of an instrument; the file names who granted it and when."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file")
        parser.add_argument("--clinic", required=True, type=_clinic_id, help="the clinic's id")

    def handle(self, *args: Any, file: str, clinic: uuid.UUID, **options: Any) -> None:
        given = self._read(Path(file))
        try:
            with transaction.atomic(), rls.as_clinic(clinic):
                actions.load_wording(clinic_id=clinic, given=given, actor="command", at=timezone.now())
        except catalogue.UnknownInstrumentError as problem:
            raise CommandError(f"The catalogue has no {problem}.") from None
        except actions.UnfitWordingError as problem:
            raise CommandError("The wording does not fit:\n" + "\n".join(problem.faults)) from None
        self.stdout.write(
            f"{given.instrument}@{given.version} may now be offered; granted by {given.granted_by}"
            f" on {given.granted_on}."
        )

    def _read(self, path: Path) -> Wording:
        try:
            return parsing.read_as(Wording, path.read_text(encoding="utf-8"))
        except OSError as problem:
            raise CommandError(f"{path} cannot be read: {problem.strerror}.") from None
        except parsing.InvalidFile as problem:
            raise CommandError("\n".join(map(str, problem.mistakes))) from None

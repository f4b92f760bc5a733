"""``manage.py audit verify|anchor``: is the audit as it was written; write its anchors now."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracker.audit import anchoring, verification
from tracker.clinics.models import Clinic


class Command(BaseCommand):
    help = "Compare the audit with its chains and anchors (verify), or write anchors now (anchor)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify", "anchor"])
        parser.add_argument("--clinic", type=UUID, help="verify: this clinic's chain, and the system's")

    def handle(self, *args: Any, what: str, clinic: UUID | None, **options: Any) -> None:
        try:
            self.verify(clinic) if what == "verify" else self.anchor()
        except anchoring.NoAnchorKey as problem:
            raise CommandError(str(problem)) from None

    def anchor(self) -> None:
        count = anchoring.anchor_all(at=timezone.now())
        self.stdout.write(f"{count} anchors written to {anchoring.folder()}")

    def verify(self, clinic: UUID | None) -> None:
        clinics = [clinic] if clinic else list(Clinic.objects.values_list("pk", flat=True))
        report = verification.verify(clinics, at=timezone.now(), only=bool(clinic))
        if report.problems:
            raise CommandError("\n".join(str(problem) for problem in report.problems), returncode=1)
        self.stdout.write(
            f"{report.events} events in {report.chains} chains are as they were written; "
            f"{report.anchors} anchors agree."
        )

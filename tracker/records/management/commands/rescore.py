"""``manage.py rescore``: score the stored answers again under the present scoring versions."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tracker.instruments import catalogue
from tracker.records import rescoring
from tracker.records.rescoring import ChangeCount, Report, Selection


class Command(BaseCommand):
    help = "Say what scores would change under the present scoring versions; with --apply, write them."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--apply",
            action="store_true",
            help="write the new scores beside the old ones; killed in between, it goes on when run again",
        )
        parser.add_argument(
            "--instrument", metavar="ID", default="", help="only this one, such as phq-9 or phq-9@1999"
        )

    def handle(self, *args: Any, apply: bool, instrument: str, **options: Any) -> None:
        selection = self._only(instrument)
        report = rescoring.preview(selection)
        self._tell(report)
        if not report.patients:
            return
        if not apply:
            self.stdout.write("Nothing was changed. Run again with --apply to write the new scores.")
            return
        written = sum(
            rescoring.apply(
                clinic_id=clinic_id, patient_id=patient_id, selection=selection, at=timezone.now()
            )
            for clinic_id, patient_id in report.patients
        )
        self.stdout.write(
            f"Done: {written} scores written for {len(report.patients)} patients; the old ones are kept."
        )

    def _only(self, name: str) -> Selection:
        if not name:
            return Selection()
        try:
            form = catalogue.find(name)
        except catalogue.UnknownInstrumentError:
            raise CommandError(f"There is no instrument {name!r} in the catalogue.") from None
        return Selection(form.code, form.version if "@" in name else None)

    def _tell(self, report: Report) -> None:
        for key in sorted(report.counts):
            self.stdout.write(_said(*key, report.counts[key]))
        for (code, version), count in sorted(report.unversioned.items()):
            self.stdout.write(
                f"{code}@{version}: {count} responses score otherwise under the same scoring version; they are"
                " left alone. A changed rule needs a new scoring version."
            )
        for (code, version), count in sorted(report.unknown.items()):
            self.stdout.write(
                f"{code}@{version}: {count} responses are left alone; the catalogue has no such form."
            )
        if not report.patients:
            self.stdout.write("Nothing to do: every score stands under the present scoring version.")


def _said(code: str, version: str, former: str, present: str, count: ChangeCount) -> str:
    return (
        f"{code}@{version}: scoring version {former} -> {present}: {count.responses} responses,"
        f" {count.scores} new scores; on the timeline {count.differ} values differ, by up to"
        f" {count.largest:g}; {count.gained} are new, {count.lost} go."
    )

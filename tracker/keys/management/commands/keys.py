"""``manage.py keys status|rotate|retire|check``: the keys of free text, while everybody works."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tracker.accounts import email_encryption, second_factor
from tracker.clinics.models import Clinic
from tracker.keys import rotation
from tracker.keys.models import MasterKey


class Command(BaseCommand):
    help = (
        "Tell what a rotation has to do (status), do it (rotate), let go of former keys (retire), or name what"
        " cannot be read (check)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["status", "rotate", "retire", "check"])
        parser.add_argument("master", nargs="?", help="retire: close this former master key too")

    def handle(self, *args: Any, what: str, master: str | None, **options: Any) -> None:
        clinics = list(Clinic.objects.order_by("pk").values_list("pk", flat=True))
        steps = {
            "status": self.status,
            "rotate": self.rotate,
            "retire": self.retire,
            "check": self.name_unreadable,
        }
        steps[what](clinics, master)

    def status(self, clinics: list[Any], _: str | None) -> None:
        due = self._left(clinics)
        names = MasterKey.objects.order_by("pk").values_list("pk", "is_open")
        known = ", ".join(f"{name} ({'open' if is_open else 'closed'})" for name, is_open in names)
        self.stdout.write(f"today's master key: {settings.MASTER_KEY_ID}; known: {known or 'none'}")
        self.stdout.write(
            f"left to do: {due.wrapped} keys to wrap anew, {due.replaced} to replace,"
            f" {due.reencrypted} texts to re-encrypt, {second_factor.count_outdated()} second factors"
            f" and {email_encryption.count_outdated()} addresses to re-encrypt"
        )

    def rotate(self, clinics: list[Any], _: str | None) -> None:
        done = rotation.rotate(clinics)
        factors, mails = second_factor.reencrypt(), email_encryption.reencrypt()
        self.stdout.write(
            f"{done.wrapped} keys wrapped anew, {done.replaced} replaced, {done.reencrypted} texts re-encrypted,"
            f" {factors.done} second factors and {mails.done} addresses re-encrypted"
        )
        skipped = done.unreadable + factors.unreadable + mails.unreadable
        if skipped:
            self.stdout.write(f"{skipped} that cannot be read left as they are: see `keys check`")
        if (
            self._left(clinics).count > done.unreadable
            or email_encryption.count_outdated() > mails.unreadable
        ):
            raise CommandError(
                "Something was added meanwhile under a former key: run it again.", returncode=1
            )

    def retire(self, clinics: list[Any], master: str | None) -> None:
        if master and second_factor.count_outdated():
            raise CommandError(
                "Second factors are still encrypted under a former key: rotate first.", returncode=1
            )
        if master and email_encryption.count_outdated():
            raise CommandError(
                "Addresses are still encrypted under a former key: rotate first.", returncode=1
            )
        try:
            removed = rotation.retire(clinics, master)
        except rotation.KeyInUse as problem:
            raise CommandError(str(problem), returncode=1) from None
        closed = f"; {master} is closed, take it out of MASTER_KEYS_OLD" if master else ""
        self.stdout.write(f"{removed} former data keys removed{closed}")

    def name_unreadable(self, clinics: list[Any], _: str | None) -> None:
        rows = [row for clinic_id in clinics for row in rotation.unreadable(clinic_id)]
        rows += [*second_factor.unreadable(), *email_encryption.unreadable()]
        for table, key in rows:
            self.stdout.write(f"{table} {key}")
        if rows:
            raise CommandError(f"{len(rows)} encrypted texts cannot be read.", returncode=1)
        self.stdout.write("every encrypted text can be read")

    def _left(self, clinics: list[Any]) -> rotation.RotationProgress:
        total = rotation.RotationProgress()
        for clinic_id in clinics:
            due = rotation.remaining(clinic_id)
            total.wrapped += due.wrapped
            total.replaced += due.replaced
            total.reencrypted += due.reencrypted
        return total

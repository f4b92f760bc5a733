"""``manage.py invite_approver``: the operator invites a second person who approves new staff of a clinic."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from tracker.clinics import invitations
from tracker.clinics.models import APPROVERS, Clinic
from tracker.lib import rls


class Command(BaseCommand):
    help = "Invite an administrator or a privacy officer to a clinic whose last other one has left."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--clinic", required=True, help="the clinic's name, or its id")
        parser.add_argument("--name", required=True, help="the person's name")
        parser.add_argument("--role", required=True, choices=[str(role) for role in APPROVERS])

    @transaction.atomic
    def handle(self, *args: Any, clinic: str, name: str, role: str, **options: Any) -> None:
        found = [each for each in Clinic.objects.all() if clinic in (each.name, str(each.pk))]
        if len(found) != 1:
            raise CommandError("There is no clinic of this name, or several: give its id.")
        with rls.as_clinic(found[0].pk):
            code = invitations.invite_staff(
                clinic_id=found[0].pk, name=name, role=role, team_id=None, at=timezone.now(), by=None
            )
        self.stdout.write(
            f"{name} accepts the invitation at {settings.PUBLIC_URL}/accounts/invitation/#{code}"
        )
        self.stdout.write(f"The code works once and for {invitations.STAFF_LASTS.days} days: {code}")

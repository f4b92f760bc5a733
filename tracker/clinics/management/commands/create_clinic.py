"""``manage.py create_clinic``: the operator makes a clinic and invites its first administrator."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from tracker.clinics import invitations
from tracker.clinics.models import CareTeam, Clinic, Role
from tracker.lib import days, rls


class Command(BaseCommand):
    help = (
        "Make a clinic with one care team, and print the invitation of its first administrator. Shown once."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="the clinic's name")
        parser.add_argument("--time-zone", required=True, help="where it is, e.g. Europe/Amsterdam")
        parser.add_argument(
            "--crisis-text", required=True, help="what a patient in danger is shown: whom to call"
        )
        parser.add_argument("--administrator", required=True, help="the administrator's name")
        parser.add_argument("--team", default="Care team", help="the first team's name")

    @transaction.atomic
    def handle(self, *args: Any, **given: Any) -> None:
        if given["time_zone"] not in days.names():
            raise CommandError(f"There is no zone {given['time_zone']}; it looks like Europe/Amsterdam.")
        if not all(given[name].strip() for name in ("name", "crisis_text", "administrator", "team")):
            raise CommandError("Name, crisis text, administrator and team cannot be empty.")
        clinic = Clinic.objects.create(
            name=given["name"],
            time_zone=given["time_zone"],
            crisis_text=given["crisis_text"],
            patients_see_summaries=True,
        )
        with rls.as_clinic(clinic.pk):
            CareTeam.objects.create(clinic_id=clinic.pk, name=given["team"])
            code = invitations.invite_staff(
                clinic_id=clinic.pk,
                name=given["administrator"],
                role=Role.ADMINISTRATOR,
                team_id=None,
                at=timezone.now(),
                by=None,
            )
        self.stdout.write(
            f"{given['administrator']} accepts the invitation at {settings.PUBLIC_URL}/accounts/invitation/#{code}"
        )
        self.stdout.write(f"The code works once and for {invitations.STAFF_LASTS.days} days: {code}")

"""Write the OpenAPI document of sign-in: ``manage.py account_schema --file docs/openapi-accounts.yaml``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from tracker.api import account_openapi


class Command(BaseCommand):
    """Writes the document that ``tracker.api.account_openapi`` makes of allauth's."""

    help = "Write the OpenAPI document of sign-in."
    uses_database = False
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--file", type=Path, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        options["file"].write_text(account_openapi.as_yaml())

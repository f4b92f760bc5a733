"""The room's name, and a clinic's own folder of questionnaires, if the settings name one."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings

from tracker.instruments import catalogue


class Instruments(AppConfig):
    name = "tracker.instruments"

    def ready(self) -> None:
        folder = getattr(settings, "OWN_CATALOGUE", "")
        if folder:
            catalogue.also_from(Path(folder))

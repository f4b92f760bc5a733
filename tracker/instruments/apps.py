"""The app's name, and a clinic's own folder of questionnaires, if the settings name one."""

from pathlib import Path

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from tracker.instruments import catalogue


class Instruments(AppConfig):
    name = "tracker.instruments"

    def ready(self) -> None:
        if not settings.OWN_CATALOGUE:
            return
        folder = Path(settings.OWN_CATALOGUE)
        if not folder.is_dir():
            raise ImproperlyConfigured("OWN_CATALOGUE must name a folder with questionnaires.")
        catalogue.also_from(folder)

"""The app's name, and its system check."""

from importlib import import_module

from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "tracker.alerts"

    def ready(self) -> None:
        import_module("tracker.alerts.checks")

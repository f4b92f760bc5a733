"""The app's name, and its check of every route."""

from django.apps import AppConfig


class Access(AppConfig):
    name = "tracker.access"

    def ready(self) -> None:
        # Registers the check; the routes themselves are read when it runs.
        from tracker.access import checks  # noqa: F401

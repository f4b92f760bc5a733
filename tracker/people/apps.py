"""The room's name, and its check of every route."""

from django.apps import AppConfig


class People(AppConfig):
    name = "tracker.people"

    def ready(self) -> None:
        # Registers the check; the routes themselves are read when it runs.
        from tracker.access import checks  # noqa: F401

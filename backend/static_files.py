"""Static files that are served: those that a page names."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder

# Source maps, and the bundle of a viewer that no page shows: megabytes for whoever asks, without a sign-in.
_UNUSED = ("*.map", "redoc")


class AppFinder(AppDirectoriesFinder):
    """Finds the static files of the apps, without what no page asks for."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Any:
        """Return the files that are neither ignored nor unused."""
        return super().list([*(ignore_patterns or ()), *_UNUSED])

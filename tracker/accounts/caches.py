"""The cache of allauth: marks of one-time codes that were used."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from tracker.accounts import throttle
from tracker.accounts.models import ThrottleCount

# An authenticator app's code is good over three half minutes; allauth asks for its mark to last one.
LEAST_SECONDS = 120
_PREFIX = "used:"


class UsedCodeCache(BaseCache):
    """
    Django's cache in PostgreSQL, as far as allauth needs it: ``add`` marks a one-time code as used.

    The mark belongs to the transaction of the sign-in: of two requests with one code the second waits, and is
    refused. Nothing else is cached, so nothing else is here.
    """

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def add(self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Return whether ``key`` was not marked yet. The mark lasts two minutes or, if that is longer, ``timeout``."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        name = _PREFIX + self.make_and_validate_key(key, version=version)
        return throttle.count({name: max(LEAST_SECONDS, int(seconds or 0))})[name][0] == 1

    def clear(self) -> None:
        """Forget all marks; the counts of tries, which stand in the same table, go with them."""
        ThrottleCount.objects.all().delete()

"""The role that owns the tables: commands that change the schema or the rights connect as it, and nothing else does."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

_ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT")


@contextmanager
def connected_as_owner() -> Iterator[None]:
    """Connect by ``DATABASE_OWNER_URL`` as long as the block runs; without one, as whoever is connected now."""
    if settings.DATABASE_OWNER is None:
        yield
        return
    before = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict |= {name: settings.DATABASE_OWNER[name] for name in _ADDRESS}
    connection.settings_dict["OPTIONS"] = {
        **{name: value for name, value in before["OPTIONS"].items() if name != "pool"},
        **settings.DATABASE_OWNER["OPTIONS"],
        # Who waits for a lock on a table holds up everybody behind: it gives up, and is run again.
        "options": f"{before['OPTIONS'].get('options', '')} -c lock_timeout=2s",
    }
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= before

"""Database backend: Django's own for PostgreSQL, with the oldest version that the product is tested on."""

import threading
import time
from typing import Any

from django.db.backends.postgresql import base, features
from psycopg import OperationalError

# While the database is read-only its sessions are replaced at most so often.
RENEW_SECONDS = 1
_renewing = threading.Lock()


class DatabaseFeatures(features.DatabaseFeatures):
    """Django refuses the first connection to an older server (``NotSupportedError``)."""

    minimum_database_version = (16,)


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures
    # Monotonic seconds: when read-only sessions were last thrown out.
    _renewed_at = float("-inf")

    def get_new_connection(self, conn_params: Any) -> Any:
        """
        Return a connection that answers; those of the pool that broke, as all do at a restart, are thrown out at once.

        The pool's own check waits a second after the first of them, two after the next, and so on. Sessions that began
        while the database was read-only (``default_transaction_read_only``) stay so when it no longer is: with the
        first that is met all of the pool are replaced.
        """
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        for _ in range(pool.max_size if pool else 0):
            try:
                pool.check_connection(connection)
                if not (is_read_only(connection) and self._may_renew()):
                    break
                # The others in use are closed as they come back.
                pool.drain()
            except OperationalError:
                pass
            pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection

    @staticmethod
    def _may_renew() -> bool:
        with _renewing:
            now = time.monotonic()
            may = now - DatabaseWrapper._renewed_at > RENEW_SECONDS
            if may:
                DatabaseWrapper._renewed_at = now
        return may

    def is_usable(self) -> bool:
        """Asked of a connection that is kept, between two tasks of a worker."""
        return super().is_usable() and not is_read_only(self.connection)


def is_read_only(connection: Any) -> bool:
    """Whether the session began read-only, as far as the server has said: it costs no statement."""
    return bool(connection.info.parameter_status("default_transaction_read_only") == "on")

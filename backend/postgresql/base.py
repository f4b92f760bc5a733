"""Database backend: Django's own for PostgreSQL, with the oldest version that the product is tested on."""

from typing import Any

from django.db.backends.postgresql import base, features
from psycopg import OperationalError


class DatabaseFeatures(features.DatabaseFeatures):
    """Django refuses the first connection to an older server (``NotSupportedError``)."""

    minimum_database_version = (16,)


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params: Any) -> Any:
        """
        Return a connection that answers; those of the pool that broke, as all do at a restart, are thrown out at once.

        The pool's own check waits a second after the first of them, two after the next, and so on.
        """
        connection = super().get_new_connection(conn_params)
        pool = self.pool
        for _ in range(pool.max_size if pool else 0):
            try:
                pool.check_connection(connection)
                break
            except OperationalError:
                pool.putconn(connection)
                connection = super().get_new_connection(conn_params)
        return connection

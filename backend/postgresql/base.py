"""Database backend: Django's own for PostgreSQL, with the oldest version that the product is tested on."""

from django.db.backends.postgresql import base, features


class DatabaseFeatures(features.DatabaseFeatures):
    """Django refuses the first connection to an older server (``NotSupportedError``)."""

    minimum_database_version = (16,)


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

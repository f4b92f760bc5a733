"""
Sessions in PostgreSQL, looked up by the hash of their key.

The key is what a phone sends as ``X-Session-Token`` and a browser as a cookie. Whoever reads the table, or
a backup of it, finds only SHA-256 hashes of random 160-bit keys and can sign in with none of them.
"""

import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.db import connection
from django.utils import timezone


def hashed(key: str) -> str:
    """Return what stands in the table for ``key``: 40 hexadecimal characters, as wide as the column."""
    return hashlib.sha256(key.encode()).hexdigest()[:40]


def read(key: str) -> dict[str, Any]:
    """
    Return what the session of ``key`` holds; nothing if there is none, or it has expired.

    One bare statement: a phone's token is looked up at every request.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT session_data FROM django_session WHERE session_key = %s AND expire_date > %s",
            [hashed(key), timezone.now()],
        )
        row = cursor.fetchone()
    held: dict[str, Any] = SessionStore().decode(row[0]) if row else {}
    return held


class SessionStore(DatabaseSessions):
    """Django's database sessions, with the key hashed at the table's edge."""

    def _get_session_from_db(self) -> Any:
        own = self._session_key
        if own is None:
            return None
        self._session_key = hashed(own)
        try:
            found = super()._get_session_from_db()  # type: ignore[misc]
        finally:
            # Django forgets the key of a session that is gone or expired; then so do we.
            self._session_key = own if self._session_key is not None else None
        return found

    def exists(self, session_key: str) -> bool:
        return super().exists(hashed(session_key))

    def create_model_instance(self, data: Any) -> Any:
        row: Any = super().create_model_instance(data)
        row.session_key = hashed(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            super().delete(hashed(key))

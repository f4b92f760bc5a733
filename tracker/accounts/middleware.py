"""The middleware of browser sessions."""

from typing import Any

from django.contrib.sessions.middleware import SessionMiddleware

from tracker.accounts.sessions import BrowserSessionStore


class BrowserSessionMiddleware(SessionMiddleware):
    """Django's middleware; a phone's token that is put into a cookie opens nothing."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.SessionStore = BrowserSessionStore

"""Middleware that drains the unread rest of a request's body, so that the client receives its error response."""

from collections.abc import Callable, Iterable
from typing import Any

# Larger than any accepted body. Beyond this draining stops and the connection closes.
MOST_BYTES = 16 * 1024 * 1024
_PIECE = 64 * 1024

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class DrainRequestBody:
    """
    A WSGI application whose answers come after the whole body.

    A server that has answered with part of the body still to come closes the line. A phone that is told no would
    then often hear nothing, or lose its next request on the same line, and would have to ask again.
    """

    def __init__(self, application: Wsgi) -> None:
        self.application = application

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = self.application(environ, start_response)
        body, left = environ["wsgi.input"], MOST_BYTES
        while left > 0 and (piece := body.read(_PIECE)):
            left -= len(piece)
        return answer

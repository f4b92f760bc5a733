"""What a view leaves unread of a request's body is read and thrown away, so that its refusal is heard."""

from collections.abc import Callable, Iterable
from typing import Any

# More than the largest body that any route takes: who sends more than this in vain may lose the line.
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

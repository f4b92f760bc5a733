"""``If-Match``: a change is made only of the version that the client has seen (RFC 9110, 13.1.1)."""

import re

from rest_framework.request import Request

from tracker.api.exceptions import parameter_problem

_TAG = r'(?:W/)?"([1-9][0-9]{0,9})"'
_TAGS = re.compile(rf"^{_TAG}(?:[ \t]*,[ \t]*{_TAG}){{0,9}}$")
_LONGEST = 200


def revisions_of_if_match(request: Request) -> frozenset[int] | None:
    """
    Return the revisions that ``If-Match`` names; None if there is no such header, or if it is ``*``.

    ``*`` stands for whichever there is. A weak tag counts as the strong one: proxies that compress make it weak.

    :raises APIProblem: 400, if it names anything else.
    """
    header = request.headers.get("If-Match")
    if header is None or header.strip() == "*":
        return None
    tags = header.strip()
    if len(tags) > _LONGEST or not _TAGS.match(tags):
        raise parameter_problem("bad_format", "If-Match")
    return frozenset(int(tag) for tag in re.findall(_TAG, tags))


def is_any(request: Request) -> bool:
    """Return whether ``If-Match`` is ``*``: something is to be there, whichever version it is."""
    return request.headers.get("If-Match", "").strip() == "*"

"""Request bodies: strict, bounded JSON, and validation against a schema."""

import zlib
from typing import Any, TypeVar

from django.http import HttpRequest, UnreadablePostError
from pydantic import ValidationError
from rest_framework.parsers import BaseParser

from tracker.api.exceptions import APIProblem
from tracker.lib import strict_json, validation_errors
from tracker.lib.strict_model import StrictModel

MAX_BODY_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 5 * 1024 * 1024
T = TypeVar("T", bound=StrictModel)


def gunzip(body: bytes, encoding: str, most: int) -> bytes:
    """Return ``body`` as it was before it was compressed; what would grow beyond ``most`` is never made."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise APIProblem("unknown_encoding")
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(body, most + 1)
    except zlib.error:
        raise APIProblem("bad_gzip") from None
    if len(plain) <= most and not (inflater.eof and not inflater.unused_data):
        raise APIProblem("bad_gzip")
    return plain


def is_json_in_utf8(request: HttpRequest) -> bool:
    """Whether a request says that its body is JSON, in UTF-8 or in no encoding that it names (RFC 8259)."""
    charset = (request.content_params or {}).get("charset", "utf-8").strip('" ').lower()
    return request.content_type == "application/json" and charset in ("utf-8", "utf8")


class StrictJSONParser(BaseParser):
    """
    Reads a JSON body that is no larger than the view allows, gzipped or not.

    Bad text (NUL, lone surrogates) is refused later by the schema, which names the field.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        view = (parser_context or {}).get("view")
        most: int = getattr(view, "max_body_bytes", MAX_BODY_BYTES)
        request = (parser_context or {})["request"]
        try:
            body = stream.read(most + 1)
        except UnreadablePostError as problem:
            # The part that came is scanned.
            request._request.sent_bytes = getattr(request._request.META["wsgi.input"], "received", b"")
            raise APIProblem("incomplete_body") from problem
        # For the safety scan of a request that is refused (``refusals``).
        request._request.sent_bytes = body
        if not is_json_in_utf8(request._request):
            raise APIProblem("not_json")
        if len(body) <= most:
            body = gunzip(body, request.headers.get("Content-Encoding", "").strip().lower(), most)
        if len(body) > most:
            raise APIProblem("too_large")
        # What the request counts as (``accounts.request_throttle``).
        request._request.decoded_bytes = len(body)
        try:
            return strict_json.decode(body, any_text=True)
        except strict_json.BadJSON as problem:
            raise APIProblem(problem.code) from None


def validate(schema: type[T], data: Any) -> T:
    """
    Return ``data`` as a ``schema``.

    :raises APIProblem: 400, naming each field that cannot be taken; values are never echoed.
    """
    try:
        return schema.model_validate(data)
    except ValidationError as problem:
        errors = [error.as_dict() for error in validation_errors.of(problem, data)]
        raise APIProblem("invalid", errors) from None

"""The instruments that this clinic may use, and all that a phone needs to show and score one offline."""

import hashlib
from typing import Any

import orjson
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.api import shapes
from tracker.api.doors import Door, only, viewer_of
from tracker.instruments.models import Version
from tracker.people.access import NotYoursError
from tracker.people.policy import Action

_PROBLEMS = {401: shapes.Problem, 403: shapes.Problem, 404: shapes.Problem}


def cacheable(request: Request, body: Any) -> Response:
    """Return ``body`` with an ETag, or 304 if the client holds it already."""
    tag = '"' + hashlib.sha256(orjson.dumps(body, default=str)).hexdigest()[:32] + '"'
    known = [part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")]
    response = Response(status=304) if tag in known else Response(body)
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


class Instruments(Door):
    """Every instrument of the catalogue; ``available`` says whether this clinic may use its wording."""

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(operation_id="instruments_list", responses={200: shapes.InstrumentList, **_PROBLEMS})
    def get(self, request: Request) -> Response:
        only(request)
        rows = Version.objects.for_clinic(viewer_of(request).clinic_id).order_by("instrument_id", "version")
        listed = [
            {
                "instrument": row.instrument_id,
                "version": row.version,
                "title": row.title,
                "available": row.available,
            }
            for row in rows.defer("content")
        ]
        return cacheable(request, {"instruments": listed})


class OneInstrument(Door):
    """One published version: items, options, ranges, bands, scoring, terms, sources."""

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(
        operation_id="instruments_read", responses={200: OpenApiTypes.OBJECT, 304: None, **_PROBLEMS}
    )
    def get(self, request: Request, instrument: str, version: str) -> Response:
        only(request)
        rows = Version.objects.for_clinic(viewer_of(request).clinic_id)
        row = rows.filter(instrument_id=instrument, version=version).first()
        if row is None:
            raise NotYoursError
        return cacheable(
            request, {"available": row.available, "content_hash": row.content_hash} | row.content
        )

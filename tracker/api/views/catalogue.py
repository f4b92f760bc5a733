"""The instruments that this clinic may use, with all that a phone needs to show and score one offline; the measures."""

from typing import Any

from drf_spectacular.utils import extend_schema
from pydantic import BaseModel
from rest_framework.request import Request
from rest_framework.response import Response

from tracker.access.policy import Action
from tracker.api.exceptions import APIProblem
from tracker.api.instrument_schemas import FhirQuestionnaire, InstrumentOut
from tracker.api.measure_schemas import MeasureOut, measure_out
from tracker.api.openapi import problems
from tracker.api.renderers import JSONRenderer
from tracker.api.views.base import ClinicalAPIView, principal_of
from tracker.clinics.errors import NotFoundOrHidden
from tracker.instruments import catalogue, fhir_questionnaire, wording
from tracker.instruments.models import Permission, Version
from tracker.records import measures

FHIR_JSON = "application/fhir+json"


class FhirJSONRenderer(JSONRenderer):
    """JSON under the name that FHIR gives it."""

    media_type = FHIR_JSON
    format = "fhir"


class InstrumentBrief(BaseModel):
    instrument: str
    version: str
    title: str
    available: bool


class InstrumentList(BaseModel):
    instruments: list[InstrumentBrief]


def _cacheable(body: Any) -> Response:
    """Return ``body`` to be kept and asked for anew: ``ConditionalGetMiddleware`` adds an ETag and answers 304."""
    return Response(body, headers={"Cache-Control": "private, no-cache"})


def _without_nulls(content: Any) -> Any:
    """Return the content of a file as an answer: what it says nothing of is left out, as everywhere."""
    if isinstance(content, dict):
        return {name: _without_nulls(part) for name, part in content.items() if part is not None}
    return list(map(_without_nulls, content)) if isinstance(content, list) else content


def _published(request: Request, instrument: str, version: str) -> tuple[Version, dict[str, Any] | None]:
    """
    Return a published version, and the wording that the caller's clinic holds for it, if it holds one.

    :raises NotFoundOrHidden: if it is not published.
    """
    # PostgreSQL takes no NUL, and no instrument is called by one.
    if "\0" in instrument + version:
        raise NotFoundOrHidden
    clinic_id = principal_of(request).clinic_id
    row = Version.objects.for_clinic(clinic_id).filter(instrument_id=instrument, version=version).first()
    if row is None:
        raise NotFoundOrHidden
    clinic_wording = None
    if not row.wording_ships:
        permissions = Permission.objects.filter(clinic_id=clinic_id, version=row)
        clinic_wording = permissions.values_list("wording", flat=True).first()
    return row, clinic_wording


class MeasureList(BaseModel):
    measures: list[MeasureOut]


class Measures(ClinicalAPIView):
    """
    Every measure by its code: unit, range, direction, family.

    Doses are not listed: ``dose.<code>``, in mg, is a measure for each medication.
    """

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(
        operation_id="measures_list", summary="List the measures", responses={200: MeasureList, 304: None}
    )
    def get(self, request: Request) -> Response:
        return _cacheable({"measures": [measure_out(measure) for measure in measures.listed()]})


class Instruments(ClinicalAPIView):
    """Every instrument of the catalogue; ``available`` says whether this clinic may use its wording."""

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(
        operation_id="instruments_list",
        summary="List the questionnaires",
        responses={200: InstrumentList, 304: None},
    )
    def get(self, request: Request) -> Response:
        rows = Version.objects.for_clinic(principal_of(request).clinic_id).order_by(
            "instrument_id", "version"
        )
        listed = [
            {
                "instrument": row.instrument_id,
                "version": row.version,
                "title": row.title,
                "available": row.available,
            }
            for row in rows.defer("content")
        ]
        return _cacheable({"instruments": listed})


class OneInstrument(ClinicalAPIView):
    """
    One published version: items, options, ranges, bands, scoring, terms, sources.

    Where the terms keep us from shipping the wording it holds the wording of the caller's clinic, if that has
    permission; else the items have no text, and ``available`` is false.
    """

    actions = {"GET": Action.READ_CATALOGUE}

    @extend_schema(
        operation_id="instruments_read",
        summary="Read a questionnaire",
        responses={200: InstrumentOut, 304: None},
    )
    def get(self, request: Request, instrument: str, version: str) -> Response:
        row, clinic_wording = _published(request, instrument, version)
        content = wording.worded(row.content, clinic_wording) if clinic_wording else row.content
        return _cacheable(
            _without_nulls({"available": row.available, "content_hash": row.content_hash} | content)
        )


class OneQuestionnaire(ClinicalAPIView):
    """
    One published version as a FHIR R4 Questionnaire.

    409 ``wording_not_available`` where the clinic holds no permission for the wording: a form without its
    questions is none.
    """

    actions = {"GET": Action.READ_CATALOGUE}
    renderer_classes = [FhirJSONRenderer, JSONRenderer]

    @extend_schema(
        operation_id="instruments_fhir",
        summary="Read a questionnaire as a FHIR resource",
        responses={
            (200, FHIR_JSON): FhirQuestionnaire,
            (200, JSONRenderer.media_type): FhirQuestionnaire,
            304: None,
            **problems("wording_not_available"),
        },
    )
    def get(self, request: Request, instrument: str, version: str) -> Response:
        row, clinic_wording = _published(request, instrument, version)
        if not row.available:
            raise APIProblem("wording_not_available")
        try:
            form = catalogue.get(row.instrument_id, row.version)
        except catalogue.UnknownInstrumentError:
            raise NotFoundOrHidden from None
        return _cacheable(fhir_questionnaire.to_r4(form, clinic_wording))

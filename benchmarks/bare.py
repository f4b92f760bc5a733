"""The yardstick: a bare DRF view that writes an entry and a line of audit by the ORM. No sign-in, no rules."""

import uuid

from django.db import transaction
from django.urls import path
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.settings import *  # noqa: F403
from tracker.access.policy import Action
from tracker.lib import rls

ROOT_URLCONF = "benchmarks.bare"


class Entry(serializers.Serializer[object]):
    id = serializers.UUIDField()
    intensity = serializers.IntegerField(min_value=0, max_value=10)
    recorded_at = serializers.DateTimeField()


class Bare(APIView):
    authentication_classes = []
    permission_classes = []
    # Asked by nobody; named because no server starts with a route that names none.
    actions = {"POST": Action.WRITE_RECORDS}

    def post(self, request: Request, clinic: uuid.UUID, patient: uuid.UUID, user: uuid.UUID) -> Response:
        from tracker.audit.models import AuditEvent
        from tracker.records.kinds.pain import PainEntry

        entry = Entry(data=request.data)
        entry.is_valid(raise_exception=True)
        at = entry.validated_data["recorded_at"]
        with transaction.atomic(), rls.as_clinic(clinic):
            PainEntry.objects.create(
                clinic_id=clinic, patient_id=patient, id=entry.validated_data["id"], revision=1,
                recorded_at=at, time_zone="UTC", local_date=at.date(), received_at=timezone.now(), author_id=user,
                sequence=uuid.uuid4().int % 2**62, entered_late=False, fingerprint=b"x" * 32,
                intensity=entry.validated_data["intensity"],
            )  # fmt: skip
            AuditEvent.objects.create(
                at=timezone.now(), clinic_id=clinic, actor="bench", action="bench", subject="bench"
            )
        return Response({"status": "stored"}, 201)


urlpatterns = [path("bare/<uuid:clinic>/<uuid:patient>/<uuid:user>", Bare.as_view())]

"""The receipt of a batch: the same key again gets the same answer."""

from django.db import models

from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import patient_only
from tracker.lib.table_rights import APPEND_ONLY


class SyncBatch(PatientOwned):
    """What a device sent under one key, and what it was told. ``results`` holds ids and statuses, no values."""

    db_rights = APPEND_ONLY
    pk = models.CompositePrimaryKey("patient_id", "device_id", "key")
    device_id = models.UUIDField()
    key = models.CharField(max_length=80)
    fingerprint = models.BinaryField(max_length=32)
    received_at = models.DateTimeField()
    receipt = models.UUIDField()
    results = models.JSONField()
    head = models.BigIntegerField()

    class Meta:
        constraints = [*patient_only()]

"""Audit events and their hash chain: who looked, who changed. Without foreign keys: they outlive what they name."""

from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from tracker.audit.append_only import append_only, never_removed
from tracker.lib import rls
from tracker.lib.constraints import one_of
from tracker.lib.table_constraints import RowLevelSecurity, Trigger
from tracker.lib.table_rights import APPEND_ONLY, TableRights

# What belongs to no clinic, such as a sign-in that failed, stands in a chain of its own.
SYSTEM = UUID(int=0)

_ABOUT_SELF = f"patient = {rls.OWN_PATIENT} OR patients @> ARRAY[{rls.OWN_PATIENT}]"


class Result(models.TextChoices):
    DONE = "DONE", "done"
    REFUSED = "REFUSED", "refused"


class AuditEvent(models.Model):
    """
    One thing that somebody did, or was refused. Append-only: a trigger refuses change and removal.

    It names people, patients and rows by id and holds no health value. ``patients`` are those that a list
    showed; ``patient`` is the one that a page or a record is about. ``detail`` holds ids and counts.
    """

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    clinic_id = models.UUIDField()
    actor = models.CharField(max_length=80)
    on_behalf_of = models.CharField(max_length=80, default="")
    action = models.CharField(max_length=64)
    kind = models.CharField(max_length=64, default="")
    subject = models.CharField(max_length=120)
    patient = models.UUIDField(null=True)
    patients = ArrayField(models.UUIDField(), null=True)
    purpose = models.CharField(max_length=120, default="")
    device = models.CharField(max_length=40, default="")
    request = models.CharField(max_length=64, default="")
    result = models.CharField(max_length=8, choices=Result.choices, default=Result.DONE)
    detail = models.JSONField(default=dict)

    class Meta:
        constraints = [
            # Everybody leaves events. A patient reads what is about her, the privacy officer what is of the clinic; a
            # clinic's job reads it too, and meets the triggers if it tries to change it.
            RowLevelSecurity(
                name="%(class)s_rls",
                read=f"{rls.IN_CLINIC} AND ({_ABOUT_SELF} OR {rls.IS_PRIVACY_OFFICER} OR {rls.CLINIC_SCOPE})",
                insert=rls.IN_CLINIC,
                update=rls.CLINIC_JOB,
                delete=rls.CLINIC_JOB,
            ),
            *append_only(),
            Trigger(
                name="%(class)s_extends_the_chain",
                when="AFTER INSERT",
                constraint="DEFERRABLE INITIALLY DEFERRED",
                execute="audit_extend()",
            ),
            one_of("result", Result, name="event_result_is_known"),
        ]
        indexes = [
            models.Index(fields=["clinic_id", "patient", "-id"], name="audit_by_patient"),
            GinIndex(
                fields=["patients"], condition=Q(patients__isnull=False), name="audit_by_patient_in_list"
            ),
        ]

    def __str__(self) -> str:
        return f"event/{self.pk}"


class ChainLink(models.Model):
    """
    The place of an event in its clinic's chain: numbers without a gap, each hash made from the one before.

    The trigger ``audit_extend`` writes it at the end of the event's own transaction; nobody else can.
    """

    db_rights = APPEND_ONLY
    pk = models.CompositePrimaryKey("clinic_id", "seq")
    clinic_id = models.UUIDField()
    seq = models.BigIntegerField()
    event_id = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            rls.clinic_jobs_write(rls.CLINIC_JOB),
            *append_only(),
            Trigger(name="%(class)s_made_by_its_head", when="BEFORE INSERT", execute="audit_check_link()"),
            models.UniqueConstraint(fields=["event_id"], name="event_linked_once"),
        ]


class ChainHead(models.Model):
    """The end of a clinic's chain. Its lock, taken as the transaction ends, puts the clinic's events in line."""

    db_rights = TableRights(fixed=("seq", "hash", "moved_at"))
    clinic_id = models.UUIDField(primary_key=True)
    seq = models.BigIntegerField()
    event_id = models.BigIntegerField(null=True)
    hash = models.BinaryField(max_length=32)
    moved_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Ids and hashes only. Anchoring reads the heads of all clinics at once.
            rls.clinic_jobs_write(f"({rls.CLINIC_JOB}) OR {rls.AUDIT_SCOPE}"),
            *never_removed(),
            Trigger(name="%(class)s_begins_with_nothing", when="BEFORE INSERT", execute="audit_begin()"),
            Trigger(name="%(class)s_moves_on_by_one", when="BEFORE UPDATE", execute="audit_advance()"),
            Trigger(name="%(class)s_keeps_its_link", when="AFTER UPDATE", execute="audit_keep_link()"),
        ]

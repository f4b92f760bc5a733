"""What is asked: published versions that never change, and what a clinic may put before its patients."""

from typing import Any, Self
from uuid import UUID

from django.db import models
from django.db.models import Exists, OuterRef, Q

from tracker.audit.append_only import append_only
from tracker.lib import rls
from tracker.lib.constraints import one_of, sql_check
from tracker.lib.table_constraints import Trigger
from tracker.lib.table_rights import READ_ONLY, TableRights


class LicenseStatus(models.TextChoices):
    """What the rights holder allows."""

    FREE = "free", "free"
    FREE_NONCOMMERCIAL = "free_noncommercial", "free for non-commercial use"
    PERMISSION_NEEDED = "permission_needed", "permission needed"
    LICENSED = "licensed", "licensed"
    PROJECT_AUTHORED = "project_authored", "written by this project"
    UNCLEAR = "unclear", "unclear"


class Instrument(models.Model):
    """A questionnaire, whatever its version."""

    db_rights = READ_ONLY
    code = models.CharField(primary_key=True, max_length=64)

    def __str__(self) -> str:
        return f"instrument/{self.pk}"


class VersionQuerySet(models.QuerySet["Version"]):
    def for_clinic(self, clinic_id: UUID) -> Self:
        """With ``available``: the wording ships, or this clinic holds permission for it."""
        held = Permission.objects.filter(clinic_id=clinic_id, version=OuterRef("pk"))
        return self.annotate(available=Q(wording_ships=True) | Q(Exists(held)))


# The content says itself whether its wording may ship; the column must agree with it, and the texts obey.
_ONLY_LICENSED_WORDING = """
wording_ships = (content -> 'terms' ->> 'wording_may_ship')::boolean
AND (
    wording_ships
    OR NOT jsonb_path_exists(content, '$.items[*].text ? (@ != null)')
       AND NOT jsonb_path_exists(content, '$.stem ? (@ != null)')
)
"""


class Version(models.Model):
    """
    A published version. A trigger refuses to change or remove it: answers stay pinned to what was asked.

    ``content`` is the catalogue file; without ``wording_ships`` it holds no item's text (a constraint).
    """

    db_rights = READ_ONLY
    instrument = models.ForeignKey(Instrument, models.PROTECT, related_name="versions")
    version = models.CharField(max_length=64)
    scoring_version = models.CharField(max_length=16)
    title = models.CharField(max_length=200)
    content = models.JSONField()
    content_hash = models.CharField(max_length=64)
    terms = models.CharField(max_length=20, choices=LicenseStatus.choices)
    wording_ships = models.BooleanField()
    copyright = models.TextField(blank=True)
    published_at = models.DateTimeField()

    # Only on rows from `for_clinic`.
    available: bool

    objects = VersionQuerySet.as_manager()

    class Meta:
        constraints = [
            *append_only(),
            sql_check(_ONLY_LICENSED_WORDING, name="version_ships_only_licensed_wording"),
            models.UniqueConstraint(fields=["instrument", "version"], name="version_of_instrument_once"),
            one_of("terms", LicenseStatus, name="version_terms_are_known"),
            models.CheckConstraint(
                condition=Q(content_hash__regex=r"^[0-9a-f]{64}$"), name="version_has_a_content_hash"
            ),
        ]

    def __str__(self) -> str:
        return f"version/{self.pk}"


class Permission(models.Model):
    """
    A clinic's permission to use a wording that we may not ship, and that wording: private to the clinic.

    ``granted_by`` and ``granted_on`` name who gave the permission and when.
    """

    db_rights = TableRights(delete="a licence that has ended")
    clinic_id = models.UUIDField()
    version = models.ForeignKey(Version, models.PROTECT, related_name="+")
    wording = models.JSONField()
    granted_by = models.CharField(max_length=200)
    granted_on = models.DateField()
    loaded_at = models.DateTimeField()

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            Trigger(
                name="%(class)s_kept_while_offered",
                when="BEFORE UPDATE OR DELETE",
                execute="instruments_keep_permission()",
            ),
            models.UniqueConstraint(
                fields=["clinic_id", "version"], name="permission_once_per_clinic_and_version"
            ),
            models.CheckConstraint(
                condition=Q(granted_by__regex=r"\S"), name="permission_names_who_granted_it"
            ),
        ]

    def __str__(self) -> str:
        return f"permission/{self.pk}"


class Offer(models.Model):
    """
    A version that a clinic puts before its patients; only what is offered can be scheduled.

    A trigger refuses an offer whose wording neither ships nor is permitted to this clinic, and refuses to
    take a permission away while its offer stands.
    """

    db_rights = TableRights(delete="a questionnaire that is offered no more")
    clinic_id = models.UUIDField()
    version = models.ForeignKey(Version, models.PROTECT, related_name="+")
    offered_by = models.CharField(max_length=80)
    offered_at = models.DateTimeField()

    class Meta:
        constraints = [
            rls.clinic_jobs_write(),
            Trigger(
                name="%(class)s_needs_licensed_wording",
                when="BEFORE INSERT OR UPDATE",
                execute="instruments_refuse_unlicensed()",
            ),
            models.UniqueConstraint(
                fields=["clinic_id", "version"], name="offer_once_per_clinic_and_version"
            ),
            models.CheckConstraint(condition=Q(offered_by__regex=r"\S"), name="offer_names_who_made_it"),
        ]

    def __str__(self) -> str:
        return f"offer/{self.pk}"


def as_row(document: dict[str, Any]) -> dict[str, Any]:
    """The columns of a version that repeat its content, for queries."""
    return {
        "scoring_version": document["scoring"]["version"],
        "title": document["title"]["en"],
        "terms": document["terms"]["status"],
        "wording_ships": document["terms"]["wording_may_ship"],
        "copyright": document["terms"].get("copyright") or "",
    }

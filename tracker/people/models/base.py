"""What stands behind a wall: rows of a clinic."""

from django.db import models


class ClinicOwned(models.Model):
    """A row of one clinic, behind row-level security."""

    clinic_id = models.UUIDField(editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        # Never the primary key: of some rows it holds what was sent.
        return f"{self._meta.model_name}/{getattr(self, 'id', '')}"

"""What stands behind a wall: rows of a clinic."""

from django.db import models


class Walled(models.Model):
    """A row of one clinic, behind row-level security."""

    clinic_id = models.UUIDField(editable=False)

    class Meta:
        abstract = True

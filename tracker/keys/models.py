"""Keys: the master keys' names, the patients' own data keys, and the base of what is encrypted with them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import related_to_patient
from tracker.lib import encryption
from tracker.lib.table_constraints import CompositeForeignKey
from tracker.lib.table_rights import APPEND_ONLY, TableRights


class MasterKey(models.Model):
    """
    A master key's name; the key itself stands outside the database. Once closed it wraps no key any more.

    Every data key refers to an open one, so that the database itself refuses to close a key in use.
    """

    db_rights = TableRights(fixed=("id",))
    id = models.CharField(primary_key=True, max_length=32)
    is_open = models.BooleanField(default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["id", "is_open"], name="master_key_open_or_closed")]

    def __str__(self) -> str:
        return f"master-key/{self.pk}"


class KeyFingerprint(models.Model):
    """
    Which key a name stands for: ``master/<id>``, ``lookup`` or ``anchor/<id>`` (``keys.fingerprints``).

    A keyed hash of a fixed text, from which no key can be found; for an anchor key its public half. Kept for good, so
    that another key under a known name is refused at the start, and not found by a patient whose journal does not open.
    """

    db_rights = APPEND_ONLY
    name = models.CharField(primary_key=True, max_length=48)
    fingerprint = models.BinaryField(max_length=32)
    first_seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"key-fingerprint/{self.pk}"


class DataKey(PatientOwned):
    """
    A patient's own key for free text, wrapped by the master key that is kept outside the database.

    New text is encrypted with the one that is not replaced. ``made_under`` names the master key of the day it was
    made, ``master_key_id`` the one that wraps it now.
    """

    db_rights = TableRights(
        delete="a key that was replaced and encrypts nothing any more", fixed=("made_under", "made_at")
    )
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    master_key_id = models.CharField(max_length=32)
    master_is_open = models.BooleanField(default=True)
    made_under = models.CharField(max_length=32)
    wrapped = models.BinaryField()
    made_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *related_to_patient(),
            CompositeForeignKey(
                name="keys_datakey_wrapped_by_an_open_master_key",
                columns=("master_key_id", "master_is_open"),
                to_table="keys_masterkey",
                to_columns=("id", "is_open"),
            ),
            models.UniqueConstraint(
                fields=["patient"], condition=Q(replaced_at__isnull=True), name="data_key_once_per_patient"
            ),
            models.UniqueConstraint(fields=["clinic_id", "patient", "id"], name="data_key_of_clinic"),
            models.CheckConstraint(
                condition=Q(master_is_open=True), name="data_key_under_an_open_master_key"
            ),
        ]

    def __str__(self) -> str:
        return f"data-key/{self.pk}"


class EncryptedText(PatientOwned):
    """
    A row that holds one encrypted text. Its model states ``encrypted_table()`` in ``Meta.constraints``.

    ``KEY_FIELDS`` names the fields that, with the patient, make the row's key.
    """

    KEY_FIELDS: ClassVar[tuple[str, ...]]

    key = models.ForeignKey(
        DataKey, models.PROTECT, db_column="key_id", db_constraint=False, db_index=False, related_name="+"
    )
    ciphertext = models.BinaryField()

    class Meta:
        abstract = True
        indexes = [models.Index(fields=["clinic_id", "key"], name="%(class)s_by_key")]

    @classmethod
    def associated_data(cls, row: tuple[object, ...], patient_id: object, key_id: object) -> bytes:
        """Return the associated data of a row: its table, column, key, patient and data key."""
        return encryption.associated_data(cls._meta.db_table, "ciphertext", *row, patient_id, key_id)

    def own_associated_data(self) -> bytes:
        """The same for this row as it stands."""
        return self.associated_data(
            tuple(getattr(self, name) for name in self.KEY_FIELDS), self.patient_id, self.key_id
        )

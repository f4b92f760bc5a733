"""Journal: a page whose text is encrypted and lives apart; private unless the patient shares this entry."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple
from uuid import UUID

from django.db import models
from django.db.models.functions import Length
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from tracker.access.policy import Category
from tracker.access.rls import by_category, shared
from tracker.audit.append_only import append_only
from tracker.clinics.models import PatientOwned
from tracker.clinics.rls import IS_OWN, visible_to
from tracker.instruments.measures import Measure
from tracker.keys import data_keys
from tracker.keys.encrypted_table import encrypted_table
from tracker.keys.models import EncryptedText
from tracker.lib import bulk, encryption
from tracker.lib.constraints import one_of, within
from tracker.lib.strict_model import code_from
from tracker.lib.strict_text import STORABLE
from tracker.lib.table_constraints import Trigger
from tracker.lib.table_rights import APPEND_ONLY
from tracker.lib.wire_json import PAGE_BYTES
from tracker.records.kinds.base import Kind, Payload, Scale0To10
from tracker.records.patient_record import PatientRecord
from tracker.records.row_security import record_table

if TYPE_CHECKING:
    from tracker.records.store import AcceptedRecord, Provenance

MAX_BYTES = 64 * 1024


class Share(models.TextChoices):
    NONE = "none", "nobody"
    ENTRY = "entry", "the care team, this entry only"


# A page is its writer's alone until it is shared, and so are its text and all its former versions.
_SHARED_PAGE = f"{IS_OWN} OR ({shared(Category.JOURNAL)} AND share = 'entry')"
_SHARED_TEXT = f"""{IS_OWN} OR ({shared(Category.JOURNAL)} AND EXISTS (
    SELECT 1 FROM records_journalentry page WHERE page.patient_id = records_journaltext.patient_id
        AND page.id = records_journaltext.entry_id AND page.revision = records_journaltext.revision
))"""


class JournalEntry(PatientRecord):
    """A page of the journal. Its text is encrypted and lives apart; private unless the patient shares this entry."""

    mood = models.SmallIntegerField(null=True)
    share = models.CharField(max_length=8, choices=Share.choices, default=Share.NONE)

    class Meta(PatientRecord.Meta):
        constraints = [
            *PatientRecord.Meta.constraints,
            *record_table("journal", Category.JOURNAL, condition=_SHARED_PAGE),
            # A reader who has a copy of a page learns that it is shared no more.
            Trigger(
                name="%(class)s_insert_access_revocation",
                when="AFTER UPDATE",
                condition="OLD.share = 'entry' AND NEW.share <> 'entry'",
                execute="records_insert_access_revocation()",
            ),
            within("mood", 0, 10, name="journal_mood_0_to_10"),
            one_of("share", Share, name="journal_share_is_known"),
        ]


class JournalText(EncryptedText):
    """The encrypted text of one revision of a journal entry (``lib.encryption``), under the patient's own key."""

    pk = models.CompositePrimaryKey("patient_id", "entry_id", "revision")
    entry_id = models.UUIDField()
    revision = models.PositiveIntegerField()

    KEY_FIELDS = ("entry_id", "revision")

    class Meta(EncryptedText.Meta):
        constraints = [*visible_to(_SHARED_TEXT), *encrypted_table()]


class AccessRevocation(PatientOwned):
    """
    A page of the journal that was shared and no longer is, at this ``sequence``. A trigger writes it.

    Who could read the page may read this: their copy has to go.
    """

    db_rights = APPEND_ONLY
    id = models.BigAutoField(primary_key=True)
    record_id = models.UUIDField()
    sequence = models.BigIntegerField()

    class Meta:
        constraints = [*by_category(Category.JOURNAL), *append_only()]
        indexes = [models.Index(fields=["patient", "sequence"], name="access_revocation_in_order")]

    def __str__(self) -> str:
        return f"access-revocation/{self.pk}"


def _fits(value: str) -> str:
    if len(value.encode()) > MAX_BYTES:
        raise PydanticCustomError("string_too_long", "must be at most 64 KiB of text")
    return value


class JournalData(Payload):
    """A page of the journal: private unless ``share`` is ``entry``."""

    text: Annotated[
        str,
        Field(min_length=1, max_length=MAX_BYTES, description="At most 64 KiB in UTF-8."),
        STORABLE,
        AfterValidator(_fits),
    ]
    mood: Scale0To10 | None = None
    share: code_from("JournalShare", Share.values) = "none"  # type: ignore[valid-type]


class _TextRow(NamedTuple):
    clinic_id: UUID
    patient_id: UUID
    entry_id: UUID
    revision: int
    key_id: UUID
    ciphertext: bytes


def encrypt_texts(provenance: "Provenance", accepted: "Sequence[AcceptedRecord]") -> None:
    """Write the text of each page that is not removed, under the patient's own key."""
    pages = [item.record for item in accepted if not item.record.removed]
    if not pages:
        return
    owner = (provenance.clinic_id, provenance.patient_id)
    key_id, key = data_keys.data_key_for(*owner, provenance.received_at)
    rows = []
    for page in pages:
        bound = JournalText.associated_data((page.id, page.revision), provenance.patient_id, key_id)
        text = encryption.encrypt(key, page.data.text.encode(), bound)
        rows.append(_TextRow(*owner, page.id, page.revision, key_id, text))
    bulk.insert(JournalText, rows)


def decrypt_texts(patient_id: UUID, pages: Sequence[Any]) -> dict[tuple[UUID, int], dict[str, Any] | None]:
    """Return the texts of pages, by id and revision; None of a text that cannot be decrypted."""
    if not pages:
        return {}
    rows = list(_texts(patient_id, pages).select_related("key"))
    readable, unreadable = data_keys.decrypt_readable(rows)
    texts: dict[tuple[UUID, int], dict[str, Any] | None] = {
        (row.entry_id, row.revision): {"text": text} for row, text in readable
    }
    return texts | {(row.entry_id, row.revision): None for row in unreadable}


def text_sizes(patient_id: UUID, pages: Sequence[Any]) -> dict[tuple[UUID, int], int]:
    """Return the bytes of the texts of pages, by id and revision. A few pages are not asked for."""
    if len(pages) * MAX_BYTES <= PAGE_BYTES:
        return {}
    sizes = _texts(patient_id, pages).annotate(size=Length("ciphertext"))
    return {
        (entry, revision): size for entry, revision, size in sizes.values_list("entry_id", "revision", "size")
    }


def _texts(patient_id: UUID, pages: Sequence[Any]) -> models.QuerySet[JournalText]:
    """The texts of just these revisions: an entry may have a thousand others."""
    return JournalText.objects.filter(pk__in=[(patient_id, page.id, page.revision) for page in pages])


def observations(data: JournalData) -> Iterator[tuple[str, float]]:
    """The optional mood (0-10, 10 is best) of a shared page. A private one leaves no number that others read."""
    if data.mood is not None and data.share == Share.ENTRY:
        yield "journal.mood", data.mood


def line(row: Any) -> str:
    """Return ``entry, shared with the care team; mood 4 of 10``."""
    text = "entry, shared with the care team"
    return text if row.mood is None else f"{text}; mood {row.mood} of 10"


KIND = Kind(
    name="journal",
    noun="journal entry",
    plural="journal entries",
    label="Journal",
    model=JournalEntry,
    payload=JournalData,
    category=Category.JOURNAL,
    measures=(
        Measure("journal.mood", "Mood in the journal", "", 0, 10, "higher_better", "mood", cadence_days=None),
    ),
    visible_to_others={"share": Share.ENTRY.value},
    free_bytes="""
coalesce((SELECT octet_length(text.ciphertext) FROM records_journaltext AS text
          WHERE text.patient_id = record.patient_id AND text.entry_id = record.id
            AND text.revision = record.revision), 0)
""",
    to_columns=lambda data: {"mood": data.mood, "share": data.share},
    store_beside=encrypt_texts,
    load_beside=decrypt_texts,
    size_beside=text_sizes,
    placeholders={"text": "ciphertext"},
    observations=observations,
    example={
        "text": "A long night. — ä 🌧",
        "mood": 3,
        "share": "none",
    },
    line=line,
)

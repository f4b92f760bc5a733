"""Outbox messages: recipient, channel, text, due time and lease. A message is a row before it is a task."""

import uuid
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from tracker.accounts.models import User
from tracker.clinics.models import ClinicOwned
from tracker.clinics.rls import patient_of_clinic
from tracker.keys.encrypted_table import encrypted_table
from tracker.keys.models import EncryptedText
from tracker.lib import rls
from tracker.lib.table_constraints import RowLevelSecurity
from tracker.lib.table_rights import TableRights
from tracker.outbox.channels import EMAIL, INBOX
from tracker.outbox.message_texts import EVEN_IF_INACTIVE, TEXTS, MessageText


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages, narrowed in words of the domain."""

    def due(self, at: object) -> Self:
        # A lease is given and ended by the database's clock: a worker's clock that runs ahead ends none early.
        return self.unsent(at).filter(
            Q(claimed_until__isnull=True) | (Q(claimed_until__lte=at) & Q(claimed_until__lte=Now())),
        )

    def unsent(self, at: object) -> Self:
        """Due, and not sent: whether or not somebody is sending it now."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=at),
            sent_at__isnull=True,
            withdrawn_at__isnull=True,
            due_at__lte=at,
        )

    def deliverable(self) -> Self:
        """Not to somebody who is switched off, but for what tells them that; a letter's address is nobody's yet."""
        return self.filter(
            Q(recipient__is_active=True) | Q(recipient__isnull=True) | Q(words__in=EVEN_IF_INACTIVE)
        )

    def inbox_of(self, user_id: uuid.UUID) -> Self:
        return self.filter(
            recipient_id=user_id, channel=INBOX, sent_at__isnull=False, withdrawn_at__isnull=True
        )


_READERS = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR recipient_id = {rls.PERSON})"


class Message(ClinicOwned):
    """
    One thing to say to one person by one channel, at most once per ``key``. Without a ``recipient`` it goes to somebody
    who has no account, or none that is known, at the address in its ``Letter``.

    ``words`` names a fixed text (``outbox.message_texts``). ``subject`` points at what it is about, such as
    ``check_in/<id>``; it is shown only after sign-in. No health value is ever kept here. ``queued_at`` is by the
    database's clock: what is written late is due from then on, and not as long as its ``due_at`` says.
    """

    db_rights = TableRights(fixed=("recipient", "channel", "words", "subject", "patient", "key"))
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    recipient = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    channel = models.CharField(max_length=8)
    words = models.CharField(max_length=40)
    subject = models.CharField(max_length=120)
    key = models.CharField(max_length=160)
    patient = models.UUIDField(null=True, help_text="whom it is about; delivery takes turns by it")
    urgent = models.BooleanField(default=False)
    queued_at = models.DateTimeField(db_default=Now(), editable=False)
    due_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, help_text="not sent any more from then on; kept as unsent")
    claimed_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    put_off_at = models.DateTimeField(
        null=True, help_text="since when the provider takes nothing for the address"
    )
    withdrawn_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            # An alert's messages are written in its patient's name, and are none of the patient's to read, change or
            # remove. Everybody reads and marks their own; the clinic's own job removes what is no longer true.
            RowLevelSecurity(
                name="%(class)s_rls",
                read=_READERS,
                insert=rls.IN_CLINIC,
                update=_READERS,
                delete=rls.CLINIC_JOB,
            ),
            models.UniqueConstraint(fields=["clinic_id", "key"], name="message_once_per_key"),
            models.CheckConstraint(
                condition=Q(recipient__isnull=False) | Q(channel=EMAIL, patient__isnull=False),
                name="message_to_nobody_known_is_a_letter",
            ),
            # A class of ``outbox.channels`` has this code: a new one needs no migration.
            models.CheckConstraint(
                condition=Q(channel__regex=r"^[A-Z]{1,8}$"), name="message_channel_is_a_code"
            ),
        ]
        indexes = [
            models.Index(
                fields=["clinic_id", "due_at"],
                condition=Q(sent_at__isnull=True, withdrawn_at__isnull=True),
                name="message_waiting",
            ),
            # Whether other mail went out since one was put off (``actions.oldest_due_at``).
            models.Index(
                fields=["clinic_id", "channel", "sent_at"],
                condition=Q(sent_at__isnull=False) & ~Q(channel=INBOX),
                name="message_sent",
            ),
            models.Index(fields=["recipient", "-due_at"], name="message_by_recipient"),
        ]

    def __str__(self) -> str:
        return f"message/{self.pk}"

    # Of a letter that is being sent: the code of its link (``outbox.letters``).
    code = ""

    @property
    def text(self) -> MessageText:
        """The fixed text that ``words`` names."""
        return TEXTS[self.words]


class Letter(EncryptedText):
    """
    The address of a message to one that no account has, and the code in it: JSON of ``address`` and ``code``.

    It is encrypted under the key of the patient who invites, and removed once it is sent or cannot be used any more.
    """

    db_rights = TableRights(delete="sent, or of no use any more")
    pk = models.CompositePrimaryKey("patient_id", "message_id")
    message_id = models.UUIDField()

    KEY_FIELDS = ("message_id",)

    class Meta(EncryptedText.Meta):
        constraints = [
            patient_of_clinic(),
            RowLevelSecurity(
                name="%(class)s_rls", read=rls.CLINIC_JOB, insert=rls.CLINIC_JOB, update=rls.CLINIC_JOB,
                delete=rls.CLINIC_JOB,
            ),
            *encrypted_table(is_temporary=True),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"letter/{self.message_id}"

"""Putting messages into the outbox, and delivering what is due."""

import random
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import transaction
from django.db.models import (
    CharField,
    Exists,
    F,
    Func,
    IntegerField,
    Min,
    OuterRef,
    UUIDField,
    Value,
    Window,
)
from django.db.models.functions import Cast, Coalesce, Greatest, Least, Now, RowNumber
from django.utils import timezone

from tracker.clinics.models import Clinic
from tracker.lib import bulk, logs, rls
from tracker.outbox import letters
from tracker.outbox.channels import CHANNELS, EMAIL, AddressPutOffError, AddressRefusedError, Channel
from tracker.outbox.message_texts import TEXTS
from tracker.outbox.models import Message

log = logs.get(__name__)
LEASE = timedelta(seconds=settings.OUTBOX_LEASE_S)
AT_ONCE = 50
# More than one worker claims at once: what another is claiming now is skipped.
CANDIDATES = 4 * AT_ONCE
# A message that cannot be sent stops after this many tries and stays visible; an urgent one never stops.
MOST_ATTEMPTS = 20
# An address that is put off waits twice as long after each try, up to this: twenty tries take more than a day.
LONGEST_WAIT = timedelta(hours=2)
# Where the count of tries stands still: the column ends there, an urgent message does not.
MOST_COUNTED = 32_000


class _Row(NamedTuple):
    clinic_id: UUID
    id: UUID
    recipient_id: UUID
    channel: str
    words: str
    subject: str
    key: str
    patient: UUID | None
    urgent: bool
    due_at: datetime
    expires_at: datetime | None
    attempts: int = 0


def enqueue(
    *,
    clinic_id: UUID,
    recipients: Sequence[UUID],
    words: str,
    subject: str,
    key: str,
    due_at: datetime,
    mail_key: str | None = None,
    expires_at: datetime | None = None,
    patient_id: UUID | None = None,
    urgent: bool = False,
) -> int:
    """
    Write one message per recipient and channel of the text ``words``, unless it was written before.

    Return how many are new.

    Two at once are harmless: ``key`` with recipient and channel is unique; mail has ``mail_key``, if it is given. What
    has not gone out by ``expires_at`` is dropped; the row stays, unsent. ``patient_id`` is whom it is about: delivery
    is fair between patients.
    """
    return enqueue_many(
        clinic_id=clinic_id, recipients=recipients, words=words, keys={subject: key}, due_at=due_at, mail_key=mail_key,
        expires_at=expires_at, patient_id=patient_id, urgent=urgent,
    )  # fmt: skip


def enqueue_many(
    *,
    clinic_id: UUID,
    recipients: Sequence[UUID],
    words: str,
    keys: Mapping[str, str],
    due_at: datetime,
    mail_key: str | None = None,
    expires_at: datetime | None = None,
    patient_id: UUID | None = None,
    urgent: bool = False,
) -> int:
    """Do what ``enqueue`` does for several subjects, each with its own key, in one statement."""
    rows = [
        _Row(
            clinic_id, uuid4(), person, channel, words, subject,
            f"{(channel == EMAIL and mail_key) or key}/{person}/{channel}", patient_id, urgent, due_at, expires_at,
        )
        for subject, key in keys.items()
        for person in recipients
        for channel in TEXTS[words].channels
    ]  # fmt: skip
    # Whoever writes a message need not be one who may read it: a patient's answer alerts the team.
    return bulk.insert(Message, rows, ignore=True)


def cancel(*, clinic_id: UUID, subject: str, at: datetime) -> int:
    """Take back what has not been sent yet about ``subject``, whoever was to read it."""
    with rls.as_clinic(clinic_id):
        waiting = Message.objects.filter(clinic_id=clinic_id, subject=subject, sent_at__isnull=True)
        return waiting.update(withdrawn_at=at)


def mark_read(*, recipient_id: UUID, message_id: UUID, at: datetime) -> bool:
    """Note that the recipient has read a message of their own inbox; return whether there is one."""
    own = Message.objects.inbox_of(recipient_id).filter(pk=message_id)
    return own.filter(read_at__isnull=True).update(read_at=at) > 0 or own.exists()


def deliver_due(*, at: datetime) -> int:
    """Send the messages that are due, those in the app before those by network; return how many went out."""
    return deliver_in_app(at=at) + deliver_by_network(at=at)


def deliver_in_app(*, at: datetime) -> int:
    """Send what is due by channels that need no network, so that no provider holds it up; return how many went out."""
    return _deliver_by({code for code, channel in CHANNELS.items() if not channel.uses_network}, at)


def deliver_by_network(*, at: datetime) -> int:
    """
    Send what is due by a provider; return how many went out.

    A provider that hangs is given up until the next run, for one clinic after another. A run lasts
    ``OUTBOX_RUN_S + OUTBOX_SEND_S`` seconds at most.
    """
    return _deliver_by({code for code, channel in CHANNELS.items() if channel.uses_network}, at)


def _deliver_by(channels: Collection[str], at: datetime) -> int:
    ends, sent = time.monotonic() + settings.OUTBOX_RUN_S, 0
    clinics = list(Clinic.objects.values_list("pk", flat=True))
    # A run that ends early leaves out another clinic each time.
    random.shuffle(clinics)
    for clinic_id in clinics:
        goes_on = True
        while goes_on and (claimed := _claim(clinic_id, channels, at)):
            count, goes_on = _deliver_claimed(claimed, ends)
            sent += count
    return sent


def oldest_due_at(*, at: datetime) -> datetime | None:
    """
    Return since when the oldest unsent message could have been sent, over all clinics; None if nothing waits.

    That is since it was due, or since it was written, where that was later: nobody could send it before.

    What the provider puts off for its address alone (``AddressPutOffError``) and is not urgent does not count: not if
    other mail of the clinic went out since, nor if it is that of one recipient.
    """
    oldest = [
        _oldest_due_at(clinic_id, at) for clinic_id in list(Clinic.objects.values_list("pk", flat=True))
    ]
    return min(filter(None, oldest), default=None)


@transaction.atomic
def _oldest_due_at(clinic_id: UUID, at: datetime) -> datetime | None:
    with rls.as_clinic(clinic_id):
        waiting = Message.objects.unsent(at).deliverable().filter(clinic_id=clinic_id)
        # What was given up stays visible as unsent; it would hide what waits from now on. And an address that a patient
        # has typed says nothing of how delivery fares.
        waiting = waiting.exclude(urgent=False, attempts__gte=MOST_ATTEMPTS).exclude(recipient__isnull=True)
        put_off = waiting.exclude(urgent=True).exclude(put_off_at__isnull=True)
        went_out = Message.objects.filter(
            clinic_id=clinic_id, channel=OuterRef("channel"), sent_at__gt=OuterRef("put_off_at")
        ).exclude(recipient=OuterRef("recipient"))
        doubtful = put_off.exclude(Exists(went_out))
        if doubtful.values("recipient").distinct().count() > 1:
            put_off = put_off.filter(Exists(went_out))
        since = Min(Greatest("due_at", "queued_at"))
        oldest: datetime | None = waiting.exclude(pk__in=put_off.values("pk")).aggregate(oldest=since)[
            "oldest"
        ]
        return oldest


@transaction.atomic
def _claim(clinic_id: UUID, channels: Collection[str], at: datetime) -> list[Message]:
    """Take a lease on up to ``AT_ONCE`` due messages of ``channels``, so that no other worker sends them meanwhile."""
    with rls.as_clinic(clinic_id):
        # Who has left gets nothing, and takes no place in the line from those who have not.
        due = Message.objects.due(at).deliverable().filter(clinic_id=clinic_id, channel__in=channels)
        due = due.exclude(urgent=False, attempts__gte=MOST_ATTEMPTS)
        # One about each patient in turn: many about one do not stand before the first about another. What is about
        # no patient takes turns by its subject.
        who = Coalesce(Cast("patient", CharField()), "subject")
        turn = Window(RowNumber(), partition_by=[who, "channel"], order_by=["-urgent", "due_at", "id"])
        first = due.annotate(turn=turn).order_by("-urgent", "turn", "due_at", "id")
        order = list(first.values_list("pk", flat=True)[:CANDIDATES])
        rows = list(
            due.filter(pk__in=order)
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("recipient")
            .order_by(_place_in(order))[:AT_ONCE]
        )
        Message.objects.filter(pk__in=[row.pk for row in rows]).update(
            claimed_until=Now() + Value(LEASE), attempts=Least(F("attempts") + 1, MOST_COUNTED)
        )
        return rows


def _place_in(order: Sequence[UUID]) -> Func:
    return Func(
        Value(list(order), ArrayField(UUIDField())),
        F("id"),
        function="array_position",
        output_field=IntegerField(),
    )


def _deliver_claimed(claimed: Sequence[Message], ends: float) -> tuple[int, bool]:
    """
    Send until ``ends`` on the monotonic clock, or a provider hangs; return how many, and whether to claim more.

    Of what is left over the lease ends at once. It stays on a message whose provider hung, so that the next run
    begins with another one.
    """
    sent = 0
    for number, message in enumerate(claimed):
        if time.monotonic() > ends:
            _release(claimed[number:])
            return sent, False
        try:
            sent += _deliver(message)
        except TimeoutError:
            _release(claimed[number + 1 :])
            return sent, False
    return sent, True


def _release(messages: Sequence[Message]) -> None:
    """Give back the lease on messages that were not tried."""
    for clinic_id in {message.clinic_id for message in messages}:
        with transaction.atomic(), rls.as_clinic(clinic_id):
            Message.objects.filter(pk__in=[message.pk for message in messages], sent_at__isnull=True).update(
                claimed_until=None, attempts=F("attempts") - 1
            )


def _deliver(message: Message) -> int:
    """
    Send with no transaction open, then mark. A crash between the two means a second notice, never none.

    :raises TimeoutError: if the provider hangs.
    """
    if not _is_still_due(message):
        return 0
    problem: str | None = None
    try:
        _send(message)
    # Whatever is wrong with one message, the others are not to wait for it.
    except Exception as error:
        problem = type(error).__name__
        if isinstance(error, AddressRefusedError):
            _give_up(message)
        elif isinstance(error, AddressPutOffError):
            _put_off(message)
        if _is_hang(error):
            log.warning(
                "provider hangs", channel=message.channel, attempt=message.attempts + 1, error=problem
            )
            raise TimeoutError from error
    if problem is not None:
        log.warning("message not sent", channel=message.channel, attempt=message.attempts + 1, error=problem)
        return 0
    with transaction.atomic(), rls.as_clinic(message.clinic_id):
        letters.remove(message)
        return Message.objects.filter(pk=message.pk, sent_at__isnull=True).update(sent_at=timezone.now())


@transaction.atomic
def _give_up(message: Message) -> None:
    """Try no more what nobody can receive; the row stays visible. What is urgent is tried all the same."""
    with rls.as_clinic(message.clinic_id):
        Message.objects.filter(pk=message.pk, urgent=False).update(attempts=MOST_ATTEMPTS)
        letters.remove(message)


@transaction.atomic
def _put_off(message: Message) -> None:
    """Wait longer after each try of what the address cannot receive now. What is urgent is tried at each lease."""
    if message.urgent:
        return
    with rls.as_clinic(message.clinic_id):
        Message.objects.filter(pk=message.pk).update(
            put_off_at=Coalesce("put_off_at", Value(timezone.now())),
            claimed_until=Now() + Value(min(LEASE * 2**message.attempts, LONGEST_WAIT)),
        )


def _is_hang(error: BaseException) -> bool:
    """Return whether a send ended by a time-out; ``smtplib`` wraps that of a reply in an error of its own."""
    return isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError)


@transaction.atomic
def _is_still_due(message: Message) -> bool:
    """Whether it was neither withdrawn nor its recipient switched off since the claim: others were sent first."""
    with rls.as_clinic(message.clinic_id):
        if message.recipient_id is None:
            letters.withdraw_unless_wanted(message)
        still = Message.objects.filter(pk=message.pk, sent_at__isnull=True, withdrawn_at__isnull=True)
        return still.deliverable().exists()


def _send(message: Message) -> None:
    """
    Send by the message's channel.

    :raises AddressPutOffError: also if nobody can be reached by it, for an address may be readable again.
    """
    channel = CHANNELS[message.channel]
    address = channel.address(message.recipient) if message.recipient else letters.open_for_sending(message)
    if address is None:
        raise AddressPutOffError
    if channel.uses_network:
        _send_in_time(channel, address, message)
    else:
        channel.send(address, message)


def _send_in_time(channel: Channel, address: str, message: Message) -> None:
    """
    Send in a thread that is left behind after ``OUTBOX_SEND_S`` seconds.

    The time-out of a channel is that of one answer: a provider may give a dozen, or one byte by byte, each in time.

    :raises TimeoutError: if it is not sent by then.
    """
    problems: list[Exception] = []

    def send() -> None:
        try:
            channel.send(address, message)
        # Raised again in the thread that waits, which knows what is to become of it.
        except Exception as problem:
            problems.append(problem)

    thread = threading.Thread(target=send, daemon=True, name=f"send {message.pk}")
    thread.start()
    thread.join(settings.OUTBOX_SEND_S)
    if thread.is_alive():
        raise TimeoutError
    if problems:
        raise problems[0]

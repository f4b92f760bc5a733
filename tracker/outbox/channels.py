"""Delivery channels: how a message leaves, a class for each, found in ``CHANNELS`` by its code."""

from smtplib import SMTPRecipientsRefused
from typing import TYPE_CHECKING, ClassVar, Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from tracker.accounts.fields import UnreadableAddress
from tracker.accounts.models import User

if TYPE_CHECKING:
    from tracker.outbox.models import Message

INBOX = "INBOX"
EMAIL = "EMAIL"


class AddressRefusedError(Exception):
    """The provider says for good that there is no such address: another try changes nothing."""


class Channel(Protocol):
    """
    One way to reach a person. It is used for the texts that name its ``code``, and for no other.

    ``address`` is None for somebody who cannot be reached so. ``send`` has a time-out, runs with no transaction open,
    and may come twice for one message: the message's id is the idempotency key. Messages of a channel that
    ``uses_network`` go after those of one that does not.

    :raises AddressRefusedError: if no further try would help.
    """

    code: ClassVar[str]
    uses_network: ClassVar[bool]

    def address(self, user: User) -> str | None: ...

    def send(self, address: str, message: "Message") -> None: ...


class Inbox:
    """The inbox in the app: the row is what it shows, from the moment that it counts as sent."""

    code: ClassVar[str] = INBOX
    uses_network: ClassVar[bool] = False

    def address(self, user: User) -> str | None:
        return str(user.pk)

    def send(self, address: str, message: "Message") -> None:
        pass


class Email:
    """E-mail: handed to the mail server, or put into the local mail folder."""

    code: ClassVar[str] = EMAIL
    uses_network: ClassVar[bool] = True

    def address(self, user: User) -> str | None:
        return None if isinstance(user.email, UnreadableAddress) else user.email or None

    def send(self, address: str, message: "Message") -> None:
        text = message.text
        mail = EmailMessage(
            subject=text.mail_subject,
            # The reference is the message's own random id: it opens nothing without signing in.
            body=text.mail_body.format(url=settings.PUBLIC_URL, reference=message.pk, code=message.code),
            to=[address],
            headers={"Message-ID": f"<{message.pk}@interlude>", "Auto-Submitted": "auto-generated"},
        )
        try:
            mail.send()
        except SMTPRecipientsRefused as problem:
            if all(code >= 500 for code, _ in problem.recipients.values()):
                raise AddressRefusedError from problem
            raise


CHANNELS: dict[str, Channel] = {channel.code: channel for channel in (Inbox(), Email())}

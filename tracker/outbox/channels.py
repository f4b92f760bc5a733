"""Delivery channels: how a message leaves, a class for each, found in ``CHANNELS`` by its code."""

from smtplib import SMTPRecipientsRefused
from typing import TYPE_CHECKING, ClassVar, Protocol

from django.conf import settings
from django.core.mail import EmailMessage

from tracker.accounts import addresses
from tracker.accounts.fields import UnreadableAddress
from tracker.accounts.models import User

if TYPE_CHECKING:
    from tracker.outbox.models import Message

INBOX = "INBOX"
EMAIL = "EMAIL"
_SERVER_GOES = 421


class AddressRefusedError(Exception):
    """There is no such address, for good, or no message can be made for it: another try changes nothing."""


class AddressPutOffError(Exception):
    """The provider takes nothing for this address now; it says nothing of other addresses."""


class Channel(Protocol):
    """
    One way to reach a person. It is used for the texts that name its ``code``, and for no other.

    ``address`` is None for somebody who cannot be reached so. ``send`` has a time-out, runs with no transaction open,
    and may come twice for one message: the message's id is the idempotency key. Messages of a channel that
    ``uses_network`` go after those of one that does not.

    :raises AddressRefusedError: if no further try would help.
    :raises AddressPutOffError: if a later one may, and the provider is otherwise at work.
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
        if not addresses.is_mailable(address):
            raise AddressRefusedError
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
            (code, _) = problem.recipients[address]
            if code >= 500:
                raise AddressRefusedError from problem
            # The server itself goes away with 421, whoever was named.
            if code != _SERVER_GOES:
                raise AddressPutOffError from problem
            raise


CHANNELS: dict[str, Channel] = {channel.code: channel for channel in (Inbox(), Email())}

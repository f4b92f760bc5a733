"""How a message leaves: one function per channel, each with a time-out, none inside a transaction."""

from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage

from tracker.outbox.message_texts import TEXTS


def mail(address: str, words: str, message_id: UUID) -> None:
    """Hand one e-mail to the mail server, or put it into the local mail folder."""
    text = TEXTS[words]
    # The reference is the message's own random id: it opens nothing without signing in.
    body = text.mail_body.format(url=settings.PUBLIC_URL, reference=message_id)
    EmailMessage(
        subject=text.mail_subject,
        body=body,
        to=[address],
        headers={"Message-ID": f"<{message_id}@interlude>", "Auto-Submitted": "auto-generated"},
    ).send()

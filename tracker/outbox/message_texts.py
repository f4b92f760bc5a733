"""
The fixed texts. What leaves the product holds no name, condition, drug, score, speciality, sender or time.

``inbox`` is read after sign-in; ``mail`` may lie open on a kitchen table.
"""

from dataclasses import dataclass

from tracker.outbox.channels import EMAIL, INBOX


@dataclass(frozen=True, slots=True)
class MessageText:
    """One text, for the inbox and for the world outside, and the ``channels`` that it goes by."""

    inbox: str
    channels: tuple[str, ...]
    mail_subject: str = "You have a new message"
    mail_body: str = (
        "You have a new message in the app.\n\nSign in to read it: {url}\nReference: {reference}\n"
    )


TEXTS = {
    "alert": MessageText(inbox="An answer needs your attention now.", channels=(INBOX, EMAIL)),
    "break-glass": MessageText(
        inbox="A clinician who is not on your team opened your record in an emergency. You find who, when and why "
        "where you see who sees what.",
        channels=(INBOX, EMAIL),
    ),
    "break-glass-officer": MessageText(
        inbox="A clinician opened a record in an emergency. Please look into it.", channels=(INBOX, EMAIL)
    ),
    "check-in": MessageText(inbox="You have a check-in coming up.", channels=(INBOX, EMAIL)),
    "check-in-planned": MessageText(inbox="A check-in has been planned for you.", channels=(INBOX, EMAIL)),
    "check-in-cancelled": MessageText(inbox="A check-in has been cancelled.", channels=(INBOX, EMAIL)),
    "team-member-new": MessageText(
        inbox="Somebody new is on your care team. You find who, and what they see, where you see who sees what.",
        channels=(INBOX, EMAIL),
    ),
    "staff-new": MessageText(
        inbox="Somebody new works at the clinic. Please look into it in the access log.",
        channels=(INBOX, EMAIL),
    ),
    "sign-in-ended": MessageText(
        inbox="Your sign-in was used on another device, so we ended it. If that was not you, change your password.",
        channels=(INBOX, EMAIL),
    ),
}

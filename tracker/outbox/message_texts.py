"""
The fixed texts. What leaves the product holds no name, condition, drug, score, speciality, sender or time.

``inbox`` is read after sign-in; ``mail`` may lie open on a kitchen table.
"""

from dataclasses import dataclass
from typing import Any

from tracker.outbox.channels import EMAIL, INBOX


@dataclass(frozen=True, slots=True)
class MessageText:
    """One text, for the inbox and for the world outside, and the ``channels`` that it goes by."""

    inbox: str
    channels: tuple[str, ...]
    # Who is switched off gets nothing, but the mail that says so.
    even_if_inactive: bool = False
    mail_subject: str = "You have a new message"
    mail_body: str = (
        "You have a new message in the app.\n\nSign in to read it: {url}\nReference: {reference}\n"
    )


def _security(sentence: str, **more: Any) -> MessageText:
    """A security notice. Its mail, one for all, says that it is one: who was locked out cannot sign in to read more."""
    return MessageText(
        inbox=f"{sentence} If that was not you, change your password and call your clinic.",
        mail_subject="A change to your account",
        mail_body="Something about your account was changed.\n\nIf that was not you, or if you cannot sign in, "
        "choose a new password there, or call those who invited you: {url}\nReference: {reference}\n",
        **{"channels": (INBOX, EMAIL)} | more,
    )


_WHERE = "You find who and what where you see who sees what."

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
    "duty-new": MessageText(
        inbox="Somebody who is not on your care team is on duty for it, and sees what it sees. You find who where you "
        "see who sees what.",
        channels=(INBOX, EMAIL),
    ),
    "duty-new-officer": MessageText(
        inbox="Somebody is put on duty for a team that they are not on. Please look into it in the access log.",
        channels=(INBOX, EMAIL),
    ),
    "approver-left": MessageText(
        inbox="Somebody who approves new staff was switched off. If you know of no reason, ask them and a colleague.",
        channels=(INBOX, EMAIL),
    ),
    "approver-reset": MessageText(
        inbox="The second factor of somebody who approves new staff was reset, by an administrator. If you know of no "
        "reason, ask them and a colleague. They approve nobody for a week.",
        channels=(INBOX, EMAIL),
    ),
    "work-ended": _security("Your work was ended in the app.", channels=(EMAIL,), even_if_inactive=True),
    "second-factor-reset": _security("An administrator has reset your second factor."),
    "device-paired": _security("A phone was added to your account, or signed in anew."),
    "device-retired": _security("A phone was removed from your account."),
    "device-retires": _security(
        "A phone is going to be removed from your account, a day after this was asked for. You can keep it: where you "
        "see your phones."
    ),
    "email-change": MessageText(
        inbox="",
        channels=(EMAIL,),
        mail_subject="Your code",
        mail_body="Somebody asked for this address to become that of their account. If that was not you, leave it.\n\n"
        "This code works for one hour, in the app: {code}\nSign in: {url}\nReference: {reference}\n",
    ),
    "email-changed": _security("The e-mail address of your account was changed."),
    "name-changed": _security("The name of your account was changed."),
    "email-undo": MessageText(
        inbox="",
        channels=(EMAIL,),
        mail_subject="A change to your account",
        mail_body="Your account was given another e-mail address.\n\nIf that was not you, take it back within three "
        "days: {url}/accounts/email/undo/#{code}\nThis ends every sign-in, and you choose a new password. Or call "
        "those who invited you.\nReference: {reference}\n",
    ),
    "phone-changed": _security("The telephone number of your account was changed."),
    "session-ended": _security("One of your sign-ins was ended from another one."),
    "caregiver-invited": _security(f"Somebody was invited to read a part of your record. {_WHERE}"),
    "caregiver-writes": _security(
        f"Somebody who reads a part of your record may write in it too from now on. {_WHERE}"
    ),
    "caregiver-accepted": _security(
        f"Somebody accepted an invitation to read a part of your record. {_WHERE}"
    ),
    "caregiver-letter": MessageText(
        inbox="",
        channels=(EMAIL,),
        mail_subject="You are invited",
        mail_body="Somebody who trusts you invites you to the app. Who it is, you know from them; if not, leave it.\n\n"
        "This link works once, for seven days: {url}/accounts/invitation/accept/#{code}\nReference: {reference}\n",
    ),
    "consent-widened": _security(f"A team is shown more of your record than before. {_WHERE}"),
    "sharing-ended": _security(
        "To be safe we ended what a new phone, or a phone that signed in anew, had lately shown to others, and "
        f"invitations that were open. {_WHERE} Share again what you want to be seen."
    ),
    "password-changed": _security("The password of your account was changed."),
    "second-factor-added": _security("A second factor was added to your account."),
    "second-factor-removed": _security("A second factor was removed from your account."),
    "recovery-codes-made": _security("New recovery codes were made for your account."),
    "sign-in-disabled": _security("Your clinic has closed your sign-in."),
    "sign-in-recovered": _security("Your sign-in was opened again. Choose a new password."),
    "sign-in-ended": MessageText(
        inbox="Your sign-in was used on another device, so we ended it. If that was not you, change your password.",
        channels=(INBOX, EMAIL),
    ),
}
EVEN_IF_INACTIVE = frozenset(words for words, text in TEXTS.items() if text.even_if_inactive)

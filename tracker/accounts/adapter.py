"""Accounts are made by a clinic's invitation, never by signing up; and what a sign-in begins and ends."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from tracker.accounts import (
    addresses,
    known_devices,
    passwords,
    reauthentication,
    second_factor,
    sessions,
    throttle,
)
from tracker.accounts.models import AccountKind
from tracker.lib import logs

log = logs.get(__name__)
_LONGEST_CLIENT = 120
_MAIL = ThreadPoolExecutor(2, "mail")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Allauth's account adapter with sign-up closed."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def pre_login(self, request: Any, user: Any, **more: Any) -> Any:
        """Called when the first step was right, before any other is asked for."""
        mark_authenticated(request, user.pk, whole=False)
        return super().pre_login(request, user, **more)

    def login(self, request: Any, user: Any) -> None:
        super().login(request, user)
        mark_authenticated(request, user.pk, whole=not _lacks_second_factor(request, user))
        is_patient = user.kind == AccountKind.PATIENT
        request.session[sessions.KIND] = sessions.PATIENT if is_patient else sessions.STAFF
        request.session[sessions.STARTED_AT] = time.time()
        request.session[sessions.CLIENT] = request.headers.get("User-Agent", "")[:_LONGEST_CLIENT]
        self._count_as_success(request, user)

    def _count_as_success(self, request: Any, user: Any) -> None:
        """Begin the counts of the account anew, take none of its address, and know the device from now on."""
        throttle.reset("sign-in", account=user.email)
        throttle.reset("second-factor", account=str(user.pk))
        address = throttle.client_ip(request)
        throttle.give_back("sign-in", address=address)
        if _has_second_factor(request):
            throttle.give_back("second-factor", address=address)
        if not _lacks_second_factor(request, user):
            # A passkey's sign-in names no account before it is over.
            known_devices.remember_sign_in(request, ["", user.email, str(user.pk)])

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Ask again who it is only where the last proof is no longer fresh; a sign-in counts as one."""
        held = sessions.SessionData("", dict(self.request.session), None, timezone.now())
        try:
            reauthentication.require_recent(held.authenticated_at, timezone.now())
        except reauthentication.ReauthenticationRequired:
            return True
        return False

    def clean_email(self, email: str) -> str:
        """Called where a password reset is asked for: an address in any spelling is the same."""
        return addresses.normal_form(super().clean_email(email))

    def clean_password(self, password: str, user: Any = None) -> str:
        """Judge what will be hashed: blanks at the ends make no password longer."""
        super().clean_password(passwords.normal_form(password), user=user)
        # As it was typed: a form compares it with what was typed again.
        return password

    def set_password(self, user: Any, password: str) -> None:
        """Set it, and end every session made with the old one but that in which it is changed."""
        with transaction.atomic():
            super().set_password(user, password)
            own = self.request.user.is_authenticated and self.request.user.pk == user.pk
            sessions.delete_all(user.pk, but=self.request.session.session_key if own else None)
        # The links in the mailbox have died with the old one.
        throttle.reset("reset-mail", account=user.email)
        # ``outbox.security_notices`` tells of it.
        self.request.password_of = user.pk

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Called for an address that has an account, which gets so many an hour, and no more whoever asks for them."""
        try:
            throttle.hit("reset-mail", account=email)
        except throttle.TooManyAttempts:
            return
        super().send_password_reset_mail(user, email, context)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """
        Send it beside the request: nobody learns from the time that an answer takes whether there was a mail.

        Its links lead to ``PUBLIC_URL``: the host that a request names is its sender's word.
        """
        public = {name: public_url(text) if name.endswith("_url") else text for name, text in context.items()}
        letter = self.render_mail(template_prefix, email, public)
        _MAIL.submit(_send, letter)


def public_url(address: str) -> str:
    """Return the address, or path, of a page as it is reached from outside."""
    parts = urlsplit(address)
    return settings.PUBLIC_URL + urlunsplit(("", "", parts.path, parts.query, parts.fragment))


def mark_authenticated(request: Any, user_id: UUID, *, whole: bool) -> None:
    """
    Say on the request who has just proved who they are: with all that they need (``whole``), or by a first step alone.

    ``access.sign_in_audit`` writes it down when the request is answered.
    """
    request.proved = user_id
    request.sign_in_step = "sign_in" if whole else "sign-in.password"


def _has_second_factor(request: Any) -> bool:
    return sessions.SessionData("", dict(request.session), None, timezone.now()).has_second_factor


def _lacks_second_factor(request: Any, user: Any) -> bool:
    return second_factor.is_required(user) and not _has_second_factor(request)


def _send(letter: Any) -> None:
    try:
        letter.send()
    # Whatever the mail server raises: the person asks again.
    except Exception as problem:
        log.warning("mail not sent", channel="EMAIL", error=type(problem).__name__)

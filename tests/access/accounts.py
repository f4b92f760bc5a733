"""What the routes of one's own account must answer: sign-in, password, second factor. One row each, or no route."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Own:
    """
    A page or route about one's own account, where no role counts: what it answers to whom, for GET and POST.

    ``out`` is signed out, ``signed_in`` is in; ``unshown`` has a second factor and has not shown it.
    """

    out: tuple[int, int]
    signed_in: tuple[int, int]
    unshown: tuple[int, int] | None = None


def same(get: int, post: int) -> Own:
    return Own((get, post), (get, post))


_TO_SIGN_IN = (302, 302)
ACCOUNTS: Mapping[str, Own] = {
    "accounts/login/": Own((200, 200), (302, 302)),
    "accounts/logout/": Own((302, 302), (200, 302)),
    "accounts/inactive/": same(200, 405),
    "accounts/signup/": same(200, 405),
    "accounts/reauthenticate/": Own(_TO_SIGN_IN, (200, 200)),
    "accounts/password/change/": Own(_TO_SIGN_IN, (200, 200), (302, 302)),
    "accounts/password/reset/": same(200, 200),
    "accounts/password/reset/done/": same(200, 405),
    "accounts/password/reset/key/done/": same(200, 405),
    "accounts/^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$": same(200, 200),
    "accounts/invitation/": Own((200, 200), (200, 200), (302, 302)),
    "accounts/invitation/accept/": Own((200, 200), (200, 200), (302, 302)),
    "accounts/email/undo/": same(200, 200),
    "accounts/second-factor/": same(302, 302),
    "accounts/2fa/": Own(_TO_SIGN_IN, (200, 405), (302, 302)),
    "accounts/2fa/authenticate/": same(302, 302),
    "accounts/2fa/reauthenticate/": same(302, 302),
    "accounts/2fa/totp/activate/": Own(_TO_SIGN_IN, (200, 200), (302, 302)),
    "accounts/2fa/totp/deactivate/": Own(_TO_SIGN_IN, (404, 404), (302, 302)),
    "accounts/2fa/recovery-codes/": Own(_TO_SIGN_IN, (404, 405), (302, 302)),
    "accounts/2fa/recovery-codes/generate/": Own(_TO_SIGN_IN, (200, 302), (302, 302)),
    "accounts/2fa/passkeys/": same(302, 302),
    "accounts/2fa/passkeys/add/": Own(_TO_SIGN_IN, (200, 200), (302, 302)),
    "accounts/2fa/passkeys/login/": same(302, 302),
    "accounts/2fa/passkeys/reauthenticate/": Own(_TO_SIGN_IN, (200, 302)),
    # Asked about a passkey that nobody has; other people's are asked about apart.
    "accounts/2fa/passkeys/<int:pk>/remove/": Own(_TO_SIGN_IN, (404, 404), (302, 302)),
    "accounts/off/account_email/": same(404, 404),
    "accounts/off/account_email_verification_sent/": same(404, 404),
    "accounts/off/account_set_password/": same(404, 404),
    "accounts/off/account_confirm_login_code/": same(404, 404),
    "accounts/off/mfa_download_recovery_codes/": same(404, 404),
    "_allauth/app/v1/config": same(200, 405),
    "_allauth/app/v1/auth/session": Own((401, 405), (200, 405)),
    "_allauth/app/v1/auth/reauthenticate": Own((405, 401), (405, 400)),
    "_allauth/app/v1/auth/password/request": same(405, 400),
    "_allauth/app/v1/auth/password/reset": same(400, 400),
    "_allauth/app/v1/auth/login": same(405, 400),
    "_allauth/app/v1/account/password/change": Own((405, 401), (405, 400), (405, 403)),
    "_allauth/app/v1/auth/2fa/authenticate": same(405, 401),
    "_allauth/app/v1/auth/2fa/reauthenticate": Own((405, 401), (405, 400)),
    "_allauth/app/v1/auth/webauthn/authenticate": same(401, 401),
    "_allauth/app/v1/auth/webauthn/reauthenticate": Own((401, 401), (200, 400)),
    "_allauth/app/v1/auth/webauthn/login": same(200, 400),
    "_allauth/app/v1/account/authenticators": Own((401, 405), (200, 405)),
    "_allauth/app/v1/account/authenticators/totp": Own((401, 401), (404, 400), (403, 403)),
    "_allauth/app/v1/account/authenticators/recovery-codes": Own((401, 401), (404, 200), (403, 403)),
    "_allauth/app/v1/account/authenticators/webauthn": Own((401, 401), (200, 400), (403, 403)),
}
# Where a session begins, or none is asked for.
BEGINNINGS = frozenset(
    f"_allauth/app/v1/{route}"
    for route in (
        "config",
        "auth/login",
        "auth/webauthn/login",
        "auth/password/request",
        "auth/password/reset",
    )
)

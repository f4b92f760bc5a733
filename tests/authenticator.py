"""An authenticator app in tests: enrolled in one step, it shows codes (RFC 6238)."""

import base64
import hashlib
import hmac
import json
import os
import struct
import time

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES256
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from tracker.accounts.models import User

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def totp_code(secret: str = SECRET, at: float | None = None) -> str:
    """Return what the app shows at ``at`` (now)."""
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(base64.b32decode(secret), counter, hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


def add_totp(user: User, secret: str = SECRET) -> None:
    """Give somebody an authenticator app, if they have none."""
    Authenticator.objects.get_or_create(
        user=user, type=Authenticator.Type.TOTP, defaults={"data": {"secret": get_adapter().encrypt(secret)}}
    )


def add_passkey(user: User, name: str = "Passkey") -> Authenticator:
    """Give somebody a passkey, as a browser would have made it."""
    key, credential_id = ec.generate_private_key(ec.SECP256R1()).public_key(), os.urandom(16)
    made = AttestedCredentialData.create(bytes(16), credential_id, ES256.from_cryptography_key(key))
    flags = AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT
    shown = AuthenticatorData.create(hashlib.sha256(b"testserver").digest(), flags, 0, made)
    client = {"type": "webauthn.create", "challenge": "AAAA", "origin": "https://testserver"}
    credential = {
        "id": _web64(credential_id),
        "rawId": _web64(credential_id),
        "type": "public-key",
        "response": {
            "clientDataJSON": _web64(json.dumps(client).encode()),
            "attestationObject": _web64(bytes(AttestationObject.create("none", shown, {}))),
        },
    }
    found: Authenticator = Authenticator.objects.create(
        user=user, type=Authenticator.Type.WEBAUTHN, data={"name": name, "credential": credential}
    )
    return found


def _web64(plain: bytes) -> str:
    return base64.urlsafe_b64encode(plain).rstrip(b"=").decode()

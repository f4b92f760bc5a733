"""A column for e-mail addresses: encrypted in the database, and found by the whole address."""

from typing import Any, Self

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import IsNull, Lookup

from tracker.accounts import addresses
from tracker.lib import app_secrets, encryption, logs

log = logs.get(__name__)
PURPOSE = "accounts_user.email"


class UnreadableAddress(str):
    """
    The mark of an address that cannot be decrypted. It is no address, and saving it keeps the bytes that are stored.

    A mark and no error: one account with a damaged address is not to stop the delivery of everybody's messages.
    """

    ciphertext: str

    def __new__(cls, ciphertext: str) -> Self:
        mark = super().__new__(cls, "(unreadable)")
        mark.ciphertext = ciphertext
        return mark

    def __getnewargs__(self) -> tuple[str]:
        return (self.ciphertext,)


class EncryptedEmailField(models.EmailField):  # type: ignore[type-arg]
    """
    An e-mail address in its normal form (``addresses``), encrypted under the product's key
    (``app_secrets.encrypt_deterministic``).

    Only a whole address can be looked for, however it is spelt, under each key that is here; there is no search for a
    part, and no order.
    """

    def db_type(self, connection: Any) -> str:
        return "text"

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, UnreadableAddress):
            return value.ciphertext
        return None if value is None else app_secrets.encrypt_deterministic(PURPOSE, _plain(value))

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        if value is None:
            return None
        try:
            return app_secrets.decrypt_deterministic(PURPOSE, value).decode()
        except encryption.DecryptionError:
            log.error("e-mail address unreadable", table="accounts_user")
            return UnreadableAddress(value)

    def get_lookup(self, lookup_name: str) -> Any:
        try:
            return _LOOKUPS[lookup_name]
        except KeyError:
            raise FieldError("an encrypted address is found as a whole, or not at all") from None


def _plain(value: Any) -> bytes:
    return addresses.normal_form(str(value)).encode()


class _Is(Lookup):
    """The address is the one given, under whichever key it was encrypted."""

    lookup_name = "exact"
    prepare_rhs = False

    def given(self) -> list[Any]:
        return [self.rhs]

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        left, params = self.process_lhs(compiler, connection)
        ciphertexts = [
            ciphertext
            for value in self.given()
            for ciphertext in app_secrets.all_ciphertexts(PURPOSE, _plain(value))
        ]
        return f"{left} = ANY(%s)", [*params, ciphertexts]


class _IsOneOf(_Is):
    lookup_name = "in"

    def given(self) -> list[Any]:
        return list(self.rhs)


_LOOKUPS = {"exact": _Is, "iexact": _Is, "in": _IsOneOf, "isnull": IsNull}

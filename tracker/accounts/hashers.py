"""The password hasher, and how much of a process hashing may take."""

import threading

from django.contrib.auth.hashers import Argon2PasswordHasher

# Each takes 100 MB. Unknown devices have one of them at most (``sign_in_capacity``), so known ones have the other.
AT_ONCE = 2
_free = threading.BoundedSemaphore(AT_ONCE)


class Argon2Hasher(Argon2PasswordHasher):
    """
    Argon2id with Django's memory and passes, in one lane, and at most ``AT_ONCE`` at once in a process.

    Eight lanes, Django's default, are eight threads for each hash: a few sign-ins at once left a push no processor.
    """

    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        with _free:
            encoded: str = super().encode(password, salt)
        return encoded

    def verify(self, password: str, encoded: str) -> bool:
        with _free:
            return bool(super().verify(password, encoded))

"""Argon2 with the lowest cost that it takes: the same format, and the product's own hasher verifies it."""

from typing import Any

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1


def count_hashes(monkeypatch: Any) -> list[str]:
    """Note from now on each time that Argon2 is asked: ``encode`` or ``verify``."""
    asked: list[str] = []
    for name in ("encode", "verify"):
        real = getattr(Argon2PasswordHasher, name)

        def counted(self, password, other, *, _real=real, _name=name):
            asked.append(_name)
            return _real(self, password, other)

        monkeypatch.setattr(Argon2PasswordHasher, name, counted)
    return asked

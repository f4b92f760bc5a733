"""Argon2 with the lowest cost that it takes: the same format, and the product's own hasher verifies it."""

from django.contrib.auth.hashers import Argon2PasswordHasher


class QuickArgon2(Argon2PasswordHasher):
    time_cost = 1
    memory_cost = 8
    parallelism = 1

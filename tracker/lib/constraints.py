"""Words for check constraints, so that a model reads as a list of promises."""

import json
from collections.abc import Sequence
from enum import StrEnum

from django.db import models
from django.db.models import BooleanField, Q
from django.db.models.expressions import RawSQL


def within(field: str, low: float, high: float, *, name: str) -> models.CheckConstraint:
    """``field`` is NULL or from ``low`` to ``high``, both included."""
    return models.CheckConstraint(
        name=name,
        condition=Q(**{f"{field}__gte": low, f"{field}__lte": high}) | Q(**{f"{field}__isnull": True}),
    )


def one_of(field: str, choices: type[StrEnum], *, name: str) -> models.CheckConstraint:
    """``field`` is one of the codes of ``choices``."""
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__in": [str(code) for code in choices]}))


def one_of_or_null(field: str, choices: type[StrEnum], *, name: str) -> models.CheckConstraint:
    """``field`` is NULL or one of the codes of ``choices``."""
    return models.CheckConstraint(
        name=name,
        condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__in": [str(code) for code in choices]}),
    )


def all_or_none(*fields: str, name: str) -> models.CheckConstraint:
    """Either every one of ``fields`` is NULL, or none is."""
    none, every = Q(), Q()
    for field in fields:
        none &= Q(**{f"{field}__isnull": True})
        every &= Q(**{f"{field}__isnull": False})
    return models.CheckConstraint(name=name, condition=none | every)


def at_least_one(*fields: str, name: str) -> models.CheckConstraint:
    """At least one of ``fields`` is not NULL."""
    some = Q()
    for field in fields:
        some |= Q(**{f"{field}__isnull": False})
    return models.CheckConstraint(name=name, condition=some)


def ordered(first: str, second: str, *, name: str) -> models.CheckConstraint:
    """``first`` is not after ``second``; either may be NULL."""
    return models.CheckConstraint(
        name=name,
        condition=Q(**{f"{first}__lte": models.F(second)})
        | Q(**{f"{first}__isnull": True})
        | Q(**{f"{second}__isnull": True}),
    )


def code_or_null(field: str, codes: Sequence[str], *, name: str) -> models.CheckConstraint:
    """``field`` is NULL or one of ``codes``."""
    return models.CheckConstraint(
        name=name, condition=Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__in": list(codes)})
    )


def sql_check(sql: str, *, name: str) -> models.CheckConstraint:
    """The condition ``sql``, in PostgreSQL's own words, is true or unknown. For what the ORM cannot say of JSON."""
    return models.CheckConstraint(name=name, condition=RawSQL(sql, (), output_field=BooleanField()))


def numbers_by_code(field: str, codes: Sequence[str], low: int, high: int, *, or_null: bool = False) -> str:
    """SQL: ``field`` is NULL or a JSON object, not empty, of known ``codes`` to whole numbers from low to high."""
    known = ", ".join(f"'{code}'" for code in codes)
    null = "@ != null && " if or_null else ""
    wrong = f'$.* ? ({null}(@.type() != "number" || @ < {low} || @ > {high} || @.floor() != @))'
    return (
        f"{field} IS NULL OR (jsonb_typeof({field}) = 'object' AND {field} <> '{{}}'::jsonb"
        f" AND {field} - ARRAY[{known}] = '{{}}'::jsonb AND NOT jsonb_path_exists({field}, '{wrong}'))"
    )


def codes_in_list(field: str, codes: Sequence[str]) -> str:
    """SQL: ``field`` is NULL or a JSON list, not empty, of known ``codes``."""
    return (
        f"{field} IS NULL OR (jsonb_typeof({field}) = 'array' AND {field} <> '[]'::jsonb"
        f" AND {field} <@ '{json.dumps(list(codes))}'::jsonb)"
    )

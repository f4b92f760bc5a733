"""Words for check constraints, so that a model reads as a list of promises."""

from enum import StrEnum

from django.db import models
from django.db.models import Q


def within(field: str, low: float, high: float, *, name: str) -> models.CheckConstraint:
    """``field`` is NULL or from ``low`` to ``high``, both included."""
    return models.CheckConstraint(
        name=name,
        condition=Q(**{f"{field}__gte": low, f"{field}__lte": high}) | Q(**{f"{field}__isnull": True}),
    )


def one_of(field: str, choices: type[StrEnum], *, name: str) -> models.CheckConstraint:
    """``field`` is one of the codes of ``choices``."""
    return models.CheckConstraint(name=name, condition=Q(**{f"{field}__in": [str(code) for code in choices]}))


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

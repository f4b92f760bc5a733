"""
Routes and products of ketamine: the units that a dose can be given in, and its mg. Pure.

A dose is kept as it was entered. Nothing here derives one route's dose from another's, and nothing suggests one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum


class Product(StrEnum):
    """What is given. Only esketamine nasal spray is licensed for depression; racemic ketamine is used off label."""

    KETAMINE = "KETAMINE"
    ESKETAMINE = "ESKETAMINE"


class Route(StrEnum):
    """How it is given, and with it which product in which form."""

    IV_INFUSION = "IV_INFUSION"
    IM = "IM"
    SC = "SC"
    ORAL = "ORAL"
    TROCHE = "TROCHE"
    SUBLINGUAL = "SUBLINGUAL"
    NASAL_RACEMIC = "NASAL_RACEMIC"
    NASAL_ESKETAMINE = "NASAL_ESKETAMINE"
    RECTAL = "RECTAL"


class KetamineUnit(StrEnum):
    """What the amount of a dose counts."""

    MG = "MG"
    MG_PER_KG = "MG_PER_KG"
    SPRAY = "SPRAY"
    DEVICE = "DEVICE"


class RateUnit(StrEnum):
    """What the rate of an infusion counts."""

    MG_PER_H = "MG_PER_H"
    MG_PER_KG_PER_H = "MG_PER_KG_PER_H"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """What can be entered by a route. ``snomed`` is the SNOMED CT code of the route."""

    label: str
    product: Product
    units: tuple[KetamineUnit, ...]
    snomed: str
    rate_units: tuple[RateUnit, ...] = ()


_BY_MASS = (KetamineUnit.MG, KetamineUnit.MG_PER_KG)
ROUTES: Mapping[Route, RouteRule] = {
    Route.IV_INFUSION: RouteRule("IV infusion", Product.KETAMINE, _BY_MASS, "47625008", tuple(RateUnit)),
    Route.IM: RouteRule("intramuscular", Product.KETAMINE, _BY_MASS, "78421000"),
    Route.SC: RouteRule("subcutaneous", Product.KETAMINE, _BY_MASS, "34206005"),
    Route.ORAL: RouteRule("oral", Product.KETAMINE, (KetamineUnit.MG,), "26643006"),
    Route.TROCHE: RouteRule("troche or lozenge", Product.KETAMINE, (KetamineUnit.MG,), "37839007"),
    Route.SUBLINGUAL: RouteRule("sublingual", Product.KETAMINE, (KetamineUnit.MG,), "37839007"),
    Route.NASAL_RACEMIC: RouteRule(
        "nasal spray, compounded", Product.KETAMINE, (KetamineUnit.MG, KetamineUnit.SPRAY), "46713006"
    ),
    Route.NASAL_ESKETAMINE: RouteRule(
        "nasal spray, esketamine", Product.ESKETAMINE, (KetamineUnit.MG, KetamineUnit.DEVICE), "46713006"
    ),
    Route.RECTAL: RouteRule("rectal", Product.KETAMINE, (KetamineUnit.MG,), "37161004"),
}
# NDC 50458-028: 28 mg in a device of 0.2 mL.
MG_OF_A_DEVICE = Decimal(28)
# Held in the mouth: swallowing or spitting changes what is taken up.
HELD_IN_THE_MOUTH = frozenset({Route.TROCHE, Route.SUBLINGUAL})

_UNIT_LABELS = {
    KetamineUnit.MG: "mg",
    KetamineUnit.MG_PER_KG: "mg/kg",
    KetamineUnit.SPRAY: "sprays",
    KetamineUnit.DEVICE: "devices of 28 mg",
    RateUnit.MG_PER_H: "mg/h",
    RateUnit.MG_PER_KG_PER_H: "mg/kg/h",
}


def unit_label(unit: KetamineUnit | RateUnit) -> str:
    """Return a unit as people write it: ``mg/kg``."""
    return _UNIT_LABELS[unit]


def route_label(route: str) -> str:
    """Return a route in words; of a code that is not known, the code."""
    rule = ROUTES.get(Route(route)) if route in set(Route) else None
    return rule.label if rule else route


def dose_mg(
    amount: Decimal,
    unit: KetamineUnit,
    *,
    weight_kg: Decimal | None = None,
    mg_per_spray: Decimal | None = None,
) -> Decimal | None:
    """Return the mg of a dose as entered; None where the weight or the strength that it needs is not known."""
    factor = {
        KetamineUnit.MG: Decimal(1),
        KetamineUnit.MG_PER_KG: weight_kg,
        KetamineUnit.SPRAY: mg_per_spray,
        KetamineUnit.DEVICE: MG_OF_A_DEVICE,
    }[unit]
    return None if factor is None else amount * factor


def rate_mg_per_h(rate: Decimal, unit: RateUnit, weight_kg: Decimal | None) -> Decimal | None:
    """Return mg per hour; None where the weight that it needs is not known."""
    if unit == RateUnit.MG_PER_H:
        return rate
    return None if weight_kg is None else rate * weight_kg


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half up, as people do: only what is stored or shown is rounded, never what is counted with."""
    return value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)

"""Words that every piece of a catalogue file is made of."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StrictFloat, StrictInt, StringConstraints
from typing_extensions import TypeAliasType

Number = StrictInt | StrictFloat
Text = Annotated[str, StringConstraints(min_length=1, strict=True)]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]*$", strict=True)]
MeasureCode = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._-]*$", strict=True)]
Version = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9.-]*$", strict=True)]
Loinc = Annotated[str, StringConstraints(pattern=r"^[0-9]+-[0-9]$", strict=True)]
LoincAnswer = Annotated[str, StringConstraints(pattern=r"^LA[0-9]+-[0-9]$", strict=True)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[A-Z]{2})?$", strict=True)]
# By language. Types that are said to be an alias have their name in the OpenAPI document too.
LocalizedText = TypeAliasType("LocalizedText", dict[Language, Text])
Sources = tuple[Text, ...]

Direction = TypeAliasType("Direction", Literal["higher_worse", "higher_better", "neutral"])
MeasureFamily = TypeAliasType(
    "MeasureFamily",
    Literal["pain", "mood", "anxiety", "function", "sleep", "medication", "wellbeing", "safety", "other"],
)
Aggregation = TypeAliasType("Aggregation", Literal["mean", "sum"])
# What a patient shares on its own, as far as questionnaires are concerned.
InstrumentCategory = TypeAliasType("InstrumentCategory", Literal["pain", "mood", "medication", "treatment"])
# Of an alert, the gravest first.
AlertLevel = TypeAliasType("AlertLevel", Literal["emergency", "urgent", "high", "review"])


class CatalogueModel(BaseModel):
    """A piece of a form: frozen, and a stranger among its keys is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

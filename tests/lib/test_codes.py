"""Codes: upper case where they are stored, lower case on the wire."""

from enum import StrEnum
from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from tracker.lib import codes


class Level(StrEnum):
    """How soon."""

    URGENT = "URGENT"
    SAME_DAY = "SAME_DAY"


class Body(BaseModel):
    model_config = ConfigDict(strict=True)

    level: Annotated[Level, codes.LowerCase()]


def test_a_code_is_read_in_lower_case_and_becomes_the_stored_one():
    assert Body.model_validate({"level": "same_day"}).level is Level.SAME_DAY
    assert [codes.to_wire(level) for level in Level] == codes.all_to_wire(Level) == ["urgent", "same_day"]
    assert codes.to_stored("same_day") == Level.SAME_DAY


@pytest.mark.parametrize("wrong", ["URGENT", "Urgent", "else", "", 5, None])
def test_any_other_spelling_of_a_code_is_refused(wrong):
    with pytest.raises(ValidationError):
        Body.model_validate({"level": wrong})


def test_the_schema_names_the_codes_of_the_wire():
    schema = Body.model_json_schema()["$defs"]["Level"]

    assert (schema["enum"], schema["description"]) == (["urgent", "same_day"], "How soon.")

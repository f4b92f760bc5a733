"""Published texts of consent, and the OpenAPI document."""

from typing import Any

import jsonschema_rs
import pytest

from tests import openapi
from tracker.access import consent_texts


def errors(component: str, value: Any) -> list[str]:
    schema = {"$ref": f"#/components/schemas/{component}", "components": openapi.document()["components"]}
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    return [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(value)]


@pytest.mark.parametrize("text", consent_texts.TEXTS.values(), ids=list(map(str, consent_texts.TEXTS)))
def test_every_text_of_consent_fits_the_openapi_document(text):
    assert errors("ConsentWords", text) == []
    assert errors("ConsentWords", text | {"title": None})

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


@pytest.mark.parametrize(
    ("method", "path"), [("post", "me/caregivers"), ("put", "me/consents"), ("post", "devices")]
)
def test_what_needs_a_recent_sign_in_names_re_authentication_beside_what_every_route_refuses(method, path):
    refusal = openapi.document()["paths"][f"/api/v1/{path}"][method]["responses"]["403"]["description"]

    assert "`reauthentication_required`" in refusal
    assert "not for this role" in refusal

"""Bodies are JSON in UTF-8 by their own word, too: what says that it is something else is not read as that."""

import json

import pytest

from tests import factories
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert

REFUSED = [
    "text/plain", "text/json", "application/json; charset=utf-16", "application/json; charset=latin-1",
    "application/json; charset=hex", "application/json;charset=", "application/jsonx",
    "multipart/form-data; boundary=x", "",
]  # fmt: skip
TAKEN = [
    "application/json",
    "application/json; charset=utf-8",
    'APPLICATION/JSON; charset="UTF-8"',
    "application/json;q=1",
]


@pytest.mark.parametrize("content_type", REFUSED)
def test_a_push_of_another_media_type_or_charset_is_refused_and_its_safety_answer_alerts(world, content_type):
    phone = Phone(world.ada.user)
    body = json.dumps(phone.batch(factories.phq9([0] * 8 + [1]))).encode()

    answer = phone.client.generic(
        "POST", "/api/v1/sync/push", body, content_type=content_type, headers=phone.headers
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")
    assert answer.json()["alerted"]
    with as_clinic(world.clinic.pk):
        assert Alert.objects.filter(patient=world.ada.pk).count() == 1


@pytest.mark.parametrize("content_type", TAKEN)
def test_json_in_utf_8_is_taken_however_it_is_said(world, content_type):
    phone = Phone(world.ada.user)
    body = json.dumps(phone.batch(factories.pain())).encode()

    answer = phone.client.generic(
        "POST", "/api/v1/sync/push", body, content_type=content_type, headers=phone.headers
    )

    assert answer.json()["results"][0]["status"] == "stored"


@pytest.mark.parametrize("content_type", [each for each in REFUSED if each])
def test_a_sign_in_of_another_media_type_or_charset_is_refused(world, client, content_type):
    body = json.dumps({"email": world.ada.user.email, "password": factories.PASSWORD})

    answer = client.generic("POST", "/_allauth/app/v1/auth/login", body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")

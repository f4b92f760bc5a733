"""An audit event that cannot be written: the request is answered 503 and nothing of it is done or shown."""

from typing import Any

import pytest
from django.test import Client
from structlog.testing import capture_logs

from tests import factories, owner
from tests.dashboard.conftest import sign_in
from tests.phone import Phone
from tests.rls_context import as_clinic
from tracker.alerts.models import Alert
from tracker.audit.models import AuditEvent
from tracker.records.kinds.pain import PainEntry
from tracker.records.kinds.questionnaire import Response

_REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$;
CREATE TRIGGER refuse BEFORE INSERT ON audit_auditevent FOR EACH ROW EXECUTE FUNCTION refuse()
"""
_UNDO = "DROP TRIGGER refuse ON audit_auditevent; DROP FUNCTION refuse()"
# How the database refuses an event, and how it is brought to take events again.
REFUSALS = {
    "a trigger that raises": (_REFUSE.format("RAISE EXCEPTION 'no';"), _UNDO),
    "a trigger that breaks a constraint": (_REFUSE.format("NEW.action := NULL; RETURN NEW;"), _UNDO),
    "no right to insert": (
        "REVOKE INSERT ON audit_auditevent FROM {role}",
        "GRANT INSERT ON audit_auditevent TO {role}",
    ),
    # Found only as the transaction ends.
    "no right to extend the chain": (
        "REVOKE UPDATE ON audit_chainhead FROM {role}",
        "GRANT UPDATE ON audit_chainhead TO {role}",
    ),
}


@pytest.fixture(params=REFUSALS)
def refused(request, live) -> Any:
    """A block in which no audit event can be written."""
    role = owner.application_role()
    statement, undo = (text.replace("{role}", role) for text in REFUSALS[request.param])
    return lambda: owner.audit_refused(live, statement, undo)


def counts(live: Any) -> tuple[int, ...]:
    with as_clinic(live.world.clinic.pk):
        return tuple(model.objects.count() for model in (PainEntry, Response, Alert, AuditEvent))


def test_without_its_audit_event_nothing_is_read_written_or_refused_and_the_answer_is_503(live, refused):
    phone, team = Phone(live.world.ada.user), Phone(live.world.ben.user)
    browser = sign_in(live.world.ben.user)
    browser.raise_request_exception = False
    ada, record = live.world.ada.pk, factories.pain(6)
    login = {"email": live.world.ada.user.email, "password": factories.PASSWORD}
    before = counts(live)
    routes = {
        "read": lambda: team.get(f"records?patient={ada}"),
        "own read": lambda: phone.get("sync/pull"),
        "sign-in": lambda: Client(raise_request_exception=False).post(
            "/_allauth/app/v1/auth/login", login, content_type="application/json"
        ),
        "write": lambda: phone.push(record),
        "write with an alert": lambda: phone.post("records", factories.phq9([1] * 9)),
        "refusal": lambda: team.get(f"records?patient={live.world.bea.pk}"),
    }

    with refused(), capture_logs() as logged:
        answers = {name: ask() for name, ask in routes.items()}
        page = browser.get(f"/patients/{ada}/")

    for name, answer in answers.items():
        assert (name, answer.status_code, answer["Retry-After"]) == (name, 503, "5")
        assert answer.json()["code"] == "service_unavailable"
    assert (page.status_code, page["Retry-After"]) == (503, "5")
    assert b"Ada" not in page.content
    assert counts(live) == before
    assert {line["log_level"] for line in logged if line["event"] == "audit event not written"} == {"error"}
    # The phone sends the same again once events are written, and it is stored then.
    assert phone.push(record).json()["results"][0]["status"] == "stored"
    assert browser.get(f"/patients/{ada}/").status_code == 200

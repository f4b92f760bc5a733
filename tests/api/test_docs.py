"""Every example of docs/api.md is sent as it stands, in order, by somebody who was invited just now."""

import json
import re
from datetime import date
from pathlib import Path
from uuid import uuid4

from django.utils import timezone

from tests import factories, openapi
from tests.phone import Phone
from tests.rls_context import as_user
from tests.sync.test_docs import agrees, examples
from tracker.clinics import invitations
from tracker.clinics.models import Patient
from tracker.records.kinds import KINDS
from tracker.treatment import actions as treatment
from tracker.treatment.events import PlanEvent, Setting
from tracker.treatment.products import Route

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
_SMALLEST = re.compile(r"^\| `(\w+)` \| `(\{.*\})` \|$", re.MULTILINE)


def invited(world: factories.World) -> str:
    """The code that Ben hands over."""
    with as_user(world.ben) as ben:
        return invitations.enrol(
            principal=ben, name="Robin", birth_date=date(1980, 2, 29), time_zone=factories.ZONE,
            team_id=world.team.pk, at=timezone.now(),
        )[1]  # fmt: skip


def planned_at_home(world: factories.World) -> str:
    """The session at home that Ben plans for Robin, who shows treatment by now."""
    at = timezone.now()
    plan = PlanEvent(id=uuid4(), kind="plan", at=at, starts_at=at, route=Route.TROCHE, setting=Setting.HOME)
    with as_user(world.ben) as ben:
        robin = Patient.objects.get(name="Robin", pk__in=ben.patients)
        session, _ = treatment.plan_session(
            principal=ben, patient=robin, session_id=uuid4(), plan=plan, sent_at=at, at=at
        )
    return str(session.pk)


def test_every_example_of_the_quick_start_is_answered_as_the_page_tells(world, client):
    said = {"{device}": str(uuid4()), "{code}": invited(world), "{team}": str(world.team.pk)}
    headers = {"X-Device": said["{device}"]}

    def filled(part):
        text = json.dumps(part)
        for name, value in said.items():
            text = text.replace(name, value)
        return json.loads(text)

    steps = examples(PAGE)
    for step in steps:
        if step.path.startswith("sessions") and "{session}" not in said:
            said["{session}"] = planned_at_home(world)
        path = filled("/" + step.path if step.path.startswith("_") else step.path)
        path = path if path.startswith("/") else f"/api/v1/{path}"
        body = b"" if step.body is None else json.dumps(filled(step.body)).encode()
        answer = client.generic(step.method, path, body, content_type="application/json", headers=headers)

        assert answer.status_code == step.status, (path, answer.content)
        assert openapi.problems(step.method, path, answer) == []
        if step.answer is not None:
            real = answer.json()
            assert agrees(filled(step.answer), real), f"{path}: {json.dumps(real, indent=1)}"
        if token := ((answer.content and answer.json().get("meta")) or {}).get("session_token"):
            headers["X-Session-Token"] = token

    assert {step.path.partition("?")[0].rpartition("/")[2] for step in steps} >= {
        "accept", "login", "devices", "consents", "push", "pull", "reauthenticate", "session", "sessions", "events",
    }  # fmt: skip


def test_the_table_of_kinds_has_the_smallest_data_of_each(world):
    smallest = {kind: json.loads(data) for kind, data in _SMALLEST.findall(PAGE.read_text())}
    phone = Phone(world.ada.user)
    records = [factories.record(kind, data) for kind, data in smallest.items()]
    lacking = [
        factories.record(kind, {name: value for name, value in data.items() if name != left_out})
        for kind, data in smallest.items()
        for left_out in data
    ]

    assert smallest.keys() == KINDS.keys()
    assert {result["status"] for result in phone.push(*records).json()["results"]} == {"stored"}
    assert {result["status"] for result in phone.push(*lacking).json()["results"]} == {"rejected"}

"""Every route says who may use it, or nothing starts."""

import os
import subprocess
import sys

import pytest
from django.core.checks import run_checks

from tracker.access import checks, policy
from tracker.access.policy import Action, Category, Relation


def test_every_route_of_the_product_has_a_policy():
    assert run_checks(tags=[checks.TAG]) == []
    assert len(list(checks.routes())) > 40


def test_the_system_check_names_a_route_without_a_policy(settings):
    settings.ROOT_URLCONF = "tests.access_control.rogue_urls"

    (found,) = run_checks(tags=[checks.TAG])

    assert found.is_serious()
    assert "/planted/<uuid:patient_id>" in found.msg


def test_a_web_process_with_such_a_route_does_not_start():
    code = (
        "import backend.settings as s; s.ROOT_URLCONF = 'tests.access_control.rogue_urls'\n"
        "import sys; sys.argv = ['web']\nimport backend.asgi"
    )

    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, timeout=60, check=False
    )

    assert told.returncode != 0
    assert "Nobody has said who may use /planted" in told.stderr


def test_every_public_route_declares_a_reason_and_no_action():
    public = {
        route: checks.public_reason(view) for route, view in checks.routes() if checks.public_reason(view)
    }

    assert {route for route in public if route.startswith("api/")} == {
        "api/v1/docs",
        "api/v1/invitations/accept",
        "api/v1/schema",
        "api/v1/schema/accounts",
    }
    assert all(len(reason) > 20 for reason in public.values())
    assert not [route for route, view in checks.routes() if route in public and checks.actions_of(view)]


def test_a_view_of_the_api_that_names_too_few_actions_has_none():
    class View:
        actions = {"GET": Action.SEE_SELF}
        get = post = None

    class Callback:
        cls = View

    assert checks.actions_of(Callback) == set()


@pytest.mark.parametrize("action", list(Action))
def test_somebody_may_do_everything_that_a_route_can_ask_for(action):
    roles = (
        "PATIENT",
        "CAREGIVER",
        "CLINICIAN",
        "COORDINATOR",
        "ADMINISTRATOR",
        "PRIVACY_OFFICER",
        "OPERATOR",
    )

    assert any(policy.role_may(role, action) for role in roles)


@pytest.mark.parametrize("role", ["ADMINISTRATOR", "PRIVACY_OFFICER", "OPERATOR"])
@pytest.mark.parametrize("relation", list(Relation))
def test_who_does_not_treat_has_no_right_over_any_patient(role, relation):
    assert not any(policy.may(role, relation, action) for action in Action)


@pytest.mark.parametrize(
    ("role", "relation", "action", "category", "allowed"),
    [
        ("PATIENT", Relation.SELF, Action.WRITE_RECORDS, Category.JOURNAL, True),
        ("PATIENT", Relation.TEAM, Action.READ_RECORDS, Category.PAIN, False),
        ("CAREGIVER", Relation.CAREGIVER, Action.READ_RECORDS, Category.MOOD, True),
        ("CAREGIVER", Relation.CAREGIVER, Action.ACKNOWLEDGE_ALERT, None, False),
        ("CAREGIVER", Relation.CAREGIVER, Action.CHANGE_CONSENT, None, False),
        ("CLINICIAN", Relation.TEAM, Action.PLAN_CHECK_IN, Category.VISITS, True),
        ("CLINICIAN", Relation.TEAM, Action.PLAN_CHECK_IN, Category.PAIN, False),
        ("CLINICIAN", Relation.BREAK_GLASS, Action.PLAN_CHECK_IN, Category.VISITS, False),
        ("CLINICIAN", Relation.SELF, Action.READ_RECORDS, Category.PAIN, False),
        ("COORDINATOR", Relation.TEAM, Action.READ_RECORDS, Category.PAIN, True),
        ("COORDINATOR", Relation.BREAK_GLASS, Action.READ_RECORDS, Category.PAIN, False),
        ("nobody", Relation.TEAM, Action.READ_RECORDS, Category.PAIN, False),
    ],
)
def test_a_right_is_of_role_relation_action_and_category(role, relation, action, category, allowed):
    assert policy.may(role, relation, action, category) is allowed

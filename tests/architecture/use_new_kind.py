"""
A program of its own for ``test_new_kind``: a phone logs the throw-away kind, and everybody looks at it.

Prints what was seen as one JSON object.
"""

import json
import os
import sys
from datetime import timedelta
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, transaction  # noqa: E402

from tests import factories  # noqa: E402
from tests.phone import Phone  # noqa: E402
from tracker.access.policy import EVERYTHING, Category  # noqa: E402
from tracker.access.principal import load_principal  # noqa: E402
from tracker.dashboard.pages import recent_entries, summary  # noqa: E402
from tracker.lib import rls  # noqa: E402
from tracker.progress import actions as progress  # noqa: E402
from tracker.progress import summaries  # noqa: E402
from tracker.records import rebuild  # noqa: E402


def rows_seen_by(*users: Any) -> list[int]:
    """How many rows of the new table each of them sees in bare SQL."""
    counts = []
    for user in users:
        with transaction.atomic(), connection.cursor() as cursor:
            load_principal(user.pk, factories.MONDAY)
            cursor.execute("SELECT count(*) FROM records_breathingentry")
            counts.append(cursor.fetchone()[0])
    return counts


def weekly_summary(world: factories.World) -> str:
    at = factories.MONDAY + timedelta(days=10)
    progress.refresh(clinic_id=world.clinic.pk, patient_id=world.ada.pk, at=at)
    with transaction.atomic(), rls.as_patient(world.clinic.pk, world.ada.pk):
        return summary.read(summaries.newest(world.ada.pk, limit=2)[-1].figures).entries


def entries(world: factories.World) -> list[list[str]]:
    with transaction.atomic():
        load_principal(world.ben.user_id, factories.MONDAY)
        recent = recent_entries.recent_entries(world.ada.pk, factories.MONDAY.date())
        return [[entry.kind, entry.what] for entry in recent.entries]


def main() -> None:
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    with transaction.atomic():
        world = factories.world()
    phone, sent = Phone(world.ada.user), factories.record("breathing", {"cycles": 12, "calm": 7})
    pushed = phone.push(sent, factories.record("breathing", {"cycles": 201})).json()["results"]
    amended = phone.push(sent | {"revision": 2, "data": {"cycles": 15, "calm": 7}}).json()["results"]
    team = [world.ben.user, world.cleo.user]
    with_consent = rows_seen_by(world.ada.user, world.bea.user, *team)
    seen = {
        "pushed": [[result["status"], result.get("pointer")] for result in pushed + amended],
        "pulled": [record["data"] for record in phone.get("sync/pull").json()["records"]],
        "listed": [record["category"] for record in phone.get("records?kind=breathing").json()["records"]],
        "versions": len(phone.get(f"records/{sent['id']}/history").json()["versions"]),
        "observed": phone.get("observations?measure=breathing.calm").json()["observations"][0]["value"],
        "summary": weekly_summary(world),
        "entries": entries(world),
        "rows_with_consent": with_consent,
    }
    with transaction.atomic():
        factories.share(world.ada, world.team, EVERYTHING - {Category.MOOD}, factories.MONDAY)
    seen["rows_without_consent"] = rows_seen_by(world.ada.user, world.bea.user, *team)
    seen["differences"] = rebuild.check().differences
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    main()

"""
Set up a scenario in the database of the environment: the actors, and one positive safety answer of Ada's.

For tests that drive real processes: ``python -m tests.dashboard.scenario`` prints whom to sign in as.
"""

import json
from datetime import timedelta

import django


def main() -> None:
    django.setup()
    from django.db import transaction
    from django.utils import timezone

    from tests import authenticator, factories
    from tracker.access.principal import load_principal
    from tracker.lib import rls
    from tracker.sync import ingest

    at = timezone.now()
    with transaction.atomic():
        world = factories.world()
        assert world.ada.user_id
        principal = load_principal(world.ada.user_id, at)
        days = [at - timedelta(days=n) for n in range(30)]
        logs = [
            factories.record("daily", {"pain_avg": 3 + n % 4, "mood": 5}, recorded_at=day.isoformat())
            for n, day in enumerate(days)
        ]
        positive = factories.phq9(
            [1, 1, 1, 1, 1, 1, 1, 1, 2], recorded_at=(at - timedelta(minutes=3)).isoformat()
        )
        ingest.apply_batch(principal=principal, sent=None, items=[*logs, positive], at=at)
        rls.reset()
        authenticator.add_totp(world.ben.user)
    print(json.dumps({"email": world.ben.user.email, "password": factories.PASSWORD}))


if __name__ == "__main__":
    main()

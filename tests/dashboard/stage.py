"""
Set a stage in the database of the environment: the cast, and one worrying answer of Ada's.

For tests that drive real processes: ``python -m tests.dashboard.stage`` prints whom to sign in as.
"""

import json
from datetime import timedelta

import django


def main() -> None:
    django.setup()
    from django.db import transaction
    from django.utils import timezone

    from tests import factor, make
    from tracker.access.principal import load_principal
    from tracker.lib import rls
    from tracker.sync import intake

    at = timezone.now()
    with transaction.atomic():
        world = make.world()
        assert world.ada.user_id
        principal = load_principal(world.ada.user_id, at)
        days = [at - timedelta(days=n) for n in range(30)]
        logs = [
            make.record("daily", {"pain_avg": 3 + n % 4, "mood": 5}, recorded_at=day.isoformat())
            for n, day in enumerate(days)
        ]
        worrying = make.phq9([1, 1, 1, 1, 1, 1, 1, 1, 2], recorded_at=(at - timedelta(minutes=3)).isoformat())
        intake.receive(principal=principal, sent=None, items=[*logs, worrying], at=at)
        rls.reset()
        factor.enrol(world.ben.user)
    print(json.dumps({"email": world.ben.user.email, "password": make.PASSWORD}))


if __name__ == "__main__":
    main()

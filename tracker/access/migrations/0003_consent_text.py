"""The first text in which consent is asked is published."""

import json
from pathlib import Path
from typing import Any, ClassVar

from django.db import migrations

TEXT = Path(__file__).parents[1] / "data" / "consent_text_1.json"


def publish(apps: Any, schema_editor: object) -> None:
    content = json.loads(TEXT.read_text(encoding="utf-8"))
    apps.get_model("access", "ConsentText").objects.create(
        version=1, content=content, published_at="2026-11-22T00:00:00+00:00"
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("access", "0002_tables")]
    operations: ClassVar = [migrations.RunPython(publish, migrations.RunPython.noop)]

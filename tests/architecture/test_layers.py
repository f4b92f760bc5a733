"""Foreign keys point down the layers: string keys escape the import linter."""

import configparser
from pathlib import Path

from django.apps import apps

ROOT = Path(__file__).resolve().parents[2]


def layers() -> dict[str, int]:
    """Read the layers from the import linter's own file; the highest number is the highest layer."""
    linter = configparser.ConfigParser()
    linter.read(ROOT / ".importlinter")
    levels = linter["importlinter:contract:layers"]["layers"].strip().splitlines()
    return {
        app.strip(" ()"): -level
        for level, line in enumerate(levels)
        for app in line.split("|")
        if app.strip()
    }


def test_every_foreign_key_points_to_a_lower_layer_or_stays_in_its_app():
    level = layers()
    wrong = [
        f"{model._meta.label}.{field.name} -> {field.related_model._meta.label}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model is not None
        if model._meta.app_label in level and field.related_model._meta.app_label in level
        if model._meta.app_label != field.related_model._meta.app_label
        if level[field.related_model._meta.app_label] >= level[model._meta.app_label]
    ]

    assert wrong == []


def test_every_app_has_a_layer():
    packages = {path.parent.name for path in (ROOT / "tracker").glob("*/__init__.py")}

    assert packages <= set(layers())

#!/usr/bin/env python
"""Django's command line for Interlude."""

import gc
import os
import sys

if __name__ == "__main__":
    # What a start makes, stays: to search it for garbage again and again is a third of the start's time.
    gc.disable()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as problem:
        sys.exit(f"Interlude cannot start: {problem}")

    gc.freeze()
    gc.enable()
    from backend import command_line

    command_line.execute(sys.argv)

#!/usr/bin/env python
"""Django's command line for Interlude."""

import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    import django
    from django.core.exceptions import ImproperlyConfigured

    try:
        django.setup()
    except ImproperlyConfigured as problem:
        sys.exit(f"Interlude cannot start: {problem}")

    from backend import command_line

    command_line.execute(sys.argv)

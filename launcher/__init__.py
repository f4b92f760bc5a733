"""
The launcher behind ``./dev``: it sets up what is missing, then starts, stops, tests or checks the product.

Standard library only: it runs before ``.venv`` exists. What needs packages is in ``launcher.inside``.
"""

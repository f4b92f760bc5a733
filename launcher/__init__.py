"""
The launcher behind ``./dev``: it sets up what is missing, then starts, stops or tests the product.

``cli``, ``venv``, ``stop`` and what they import run before ``.venv`` exists: standard library only.
"""

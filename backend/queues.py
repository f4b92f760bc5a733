"""
The broker's queues, each with an exchange of its name, in the order in which a worker takes from them.

Of what beat sends for safety's sake there are a few messages at a time, of the others there may be thousands.
"""

SAFETY, ORDINARY = "safety", "celery"
IN_ORDER = (SAFETY, ORDINARY)

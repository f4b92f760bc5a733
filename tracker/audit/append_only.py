"""Append-only tables: triggers that refuse every change, also by the table's owner (``sql/functions.sql``)."""

from tracker.lib.table_constraints import Trigger

_EXECUTE = "append_only()"


def append_only() -> list[Trigger]:
    """Rows are written once: no change, no removal, no emptying of the table."""
    return [
        Trigger(name="%(class)s_append_only", when="BEFORE UPDATE OR DELETE", execute=_EXECUTE),
        never_emptied(),
    ]


def never_removed() -> list[Trigger]:
    """Rows change, and are never removed."""
    return [Trigger(name="%(class)s_never_removed", when="BEFORE DELETE", execute=_EXECUTE), never_emptied()]


def never_emptied() -> Trigger:
    """The table is never truncated."""
    return Trigger(
        name="%(class)s_never_emptied", when="BEFORE TRUNCATE", execute=_EXECUTE, per_statement=True
    )

"""
Append-only tables and columns: triggers that refuse a change, also by the table's owner (``sql/functions.sql``).

A right of the application's role (``lib.table_rights``) is to change a column or not to. Where the product gives a
column a value once, or ends something, a trigger says that this is all.
"""

from tracker.lib.table_constraints import Trigger

_EXECUTE, _REFUSE = "append_only()", "refuse_change()"


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


def set_once(*columns: str, name: str) -> Trigger:
    """Once a column has a value it keeps it: whose a row is, that it was used, that somebody has left."""
    changed = " OR ".join(
        f"(OLD.{column} IS NOT NULL AND NEW.{column} IS DISTINCT FROM OLD.{column})" for column in columns
    )
    return Trigger(name=name, when="BEFORE UPDATE", condition=changed, execute=_REFUSE)


def ends_earlier_only(*, name: str) -> Trigger:
    """``ends_at`` is given or brought forward, never put off: what has ended does not go on."""
    put_off = "OLD.ends_at IS NOT NULL AND (NEW.ends_at IS NULL OR NEW.ends_at > OLD.ends_at)"
    return Trigger(name=name, when="BEFORE UPDATE", condition=put_off, execute=_REFUSE)


def written_by_triggers(*, name: str) -> Trigger:
    """Rows follow from those of another table: only its trigger writes them, no statement that somebody sends."""
    return Trigger(
        name=name, when="BEFORE INSERT OR UPDATE", condition="pg_trigger_depth() = 0", execute=_REFUSE
    )

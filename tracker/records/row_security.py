"""Constraints of the record's tables: who reads a row, whose row it is, and its former versions."""

from tracker.access.policy import Category
from tracker.access.rls import by_category, by_row_category
from tracker.clinics.rls import visible_to
from tracker.lib.table_constraints import TableConstraint, Trigger


def record_table(
    kind: str, category: Category | None, *, condition: str | None = None
) -> list[TableConstraint]:
    """
    All that the table of a kind promises: row-level security, the clinic's own patient, and kept former versions.

    Without a ``category`` each row names its own. ``condition`` (SQL) says more closely who reads a row.
    """
    if condition is not None:
        rows = visible_to(condition)
    else:
        rows = by_row_category() if category is None else by_category(category)
    history = Trigger(
        name="%(class)s_keep_former_version",
        when="AFTER UPDATE OR DELETE",
        execute=f"records_keep_former_version('{kind}', '{category or ''}')",
    )
    return [*rows, history]

"""What the database keeps of every table of the record: who reads a row, whose row it is, and its former versions."""

from tracker.access.policy import Category
from tracker.lib import rls
from tracker.lib.table_constraints import CompositeForeignKey, RowLevelSecurity, TableConstraint, Trigger

IS_OWN = f"patient_id = {rls.OWN_PATIENT}"


def visible_to(condition: str) -> list[TableConstraint]:
    """Rows are of one patient of their clinic; the clinic's jobs and whoever meets ``condition`` (SQL) reach them."""
    return [
        RowLevelSecurity(
            name="%(class)s_rls", read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {condition})"
        ),
        CompositeForeignKey(
            name="%(app_label)s_%(class)s_patient_of_clinic",
            columns=("clinic_id", "patient_id"),
            to_table="clinics_patient",
            to_columns=("clinic_id", "id"),
        ),
    ]


def patient_only() -> list[TableConstraint]:
    """Rows are open to their patient alone."""
    return visible_to(IS_OWN)


def by_category(category: Category) -> list[TableConstraint]:
    """Rows are all of one category of what a patient shares."""
    return visible_to(rls.shared(category))


def by_row_category() -> list[TableConstraint]:
    """Each row says in ``category`` what it is of what a patient shares."""
    return visible_to(rls.SHARED_BY_ROW)


def append_only() -> Trigger:
    """Rows are never changed and never removed."""
    return Trigger(
        name="%(class)s_append_only", when="BEFORE UPDATE OR DELETE", execute="records_refuse_change()"
    )


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

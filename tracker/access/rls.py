"""Row-level security of what a patient shares, by category."""

from tracker.access.policy import Category
from tracker.clinics.rls import visible_to
from tracker.lib import rls
from tracker.lib.table_constraints import TableConstraint


def shared(category: Category) -> str:
    """SQL: the patient of this row shares ``category`` with whoever asks."""
    return f"patient_id = ANY ({rls.listed(category.lower())})"


def _shared_by_row() -> str:
    cases = " ".join(f"WHEN '{category}' THEN {shared(category)}" for category in Category)
    return f"CASE category {cases} ELSE false END"


SHARED_BY_ROW = _shared_by_row()


def by_category(category: Category) -> list[TableConstraint]:
    """Rows are all of one category of what a patient shares."""
    return visible_to(shared(category))


def by_row_category() -> list[TableConstraint]:
    """Each row says in ``category`` what it is of what a patient shares."""
    return visible_to(SHARED_BY_ROW)

"""Row-level security of what a patient shares, by category."""

from tracker.access.policy import Category
from tracker.clinics.rls import IS_OWN, patient_of_clinic, visible_to
from tracker.lib import rls
from tracker.lib.table_constraints import RowLevelSecurity, TableConstraint


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


def derived_by_row_category() -> list[TableConstraint]:
    """Each row says in ``category`` what it is of what a patient shares, and is derived (``_derived``)."""
    return _derived(SHARED_BY_ROW)


def derived_by_category(category: Category) -> list[TableConstraint]:
    """Rows are all of one category of what a patient shares, and are derived (``_derived``)."""
    return _derived(shared(category))


def _derived(read: str) -> list[TableConstraint]:
    """
    Rows are derived from the patient's whole record.

    So the patient's own requests write them, and jobs on their record; nobody with whom a part of it is shared.
    """
    written = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {IS_OWN})"
    security = RowLevelSecurity(
        name="%(class)s_rls",
        read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {read})",
        insert=written,
        update=written,
        delete=written,
    )
    return [patient_of_clinic(), security]

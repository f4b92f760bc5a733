"""Constraints of the record's tables: who reads and who writes a row, whose row it is, and its former versions."""

from tracker.access.policy import Category
from tracker.access.rls import SHARED_BY_ROW, shared
from tracker.clinics.rls import IS_OWN, patient_of_clinic
from tracker.lib import rls
from tracker.lib.table_constraints import RowLevelSecurity, TableConstraint, Trigger
from tracker.records.reading_source import SourceWho

_WRITTEN_BY_CAREGIVER = (
    f"patient_id = ANY ({rls.listed('writable')}) AND author_id = {rls.PERSON}"
    f" AND source_who = '{SourceWho.CAREGIVER}'"
)


def record_table(
    kind: str,
    category: Category | None,
    *,
    condition: str | None = None,
    caregivers_write: bool = False,
) -> list[TableConstraint]:
    """
    All that the table of a kind promises: row-level security, the clinic's own patient, and kept former versions.

    Without a ``category`` each row names its own. ``condition`` (SQL) says more closely who reads a row. The patient
    writes, and a job on their record; with ``caregivers_write`` a caregiver too, whom the patient lets: rows of their
    own, marked as a caregiver's, of what is shared with them. They replace no row of anybody else's.
    """
    if condition is None:
        condition = SHARED_BY_ROW if category is None else shared(category)
    writers = f"{rls.CLINIC_SCOPE} OR {IS_OWN}"
    by_caregiver = f"({condition}) AND {_WRITTEN_BY_CAREGIVER}"
    written = f"{rls.IN_CLINIC} AND ({writers}{f' OR ({by_caregiver})' if caregivers_write else ''})"
    rows = RowLevelSecurity(
        name="%(class)s_rls",
        read=f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {condition})",
        insert=written,
        update=written,
        delete=f"{rls.IN_CLINIC} AND ({writers})",
    )
    history = Trigger(
        name="%(class)s_keep_former_version",
        when="AFTER UPDATE OR DELETE",
        execute=f"records_keep_former_version('{kind}', '{category or ''}')",
    )
    return [patient_of_clinic(), rows, history]

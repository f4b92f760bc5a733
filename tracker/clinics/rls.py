"""
Row-level security of what belongs to a patient: who reaches a row besides the clinic's own jobs.

Each list goes into a model's ``Meta.constraints``. It ties ``clinic_id`` and ``patient_id`` to one patient, since
foreign-key checks ignore row security; ``same_clinic`` does so for another key.
"""

from tracker.lib import rls
from tracker.lib.table_constraints import CompositeForeignKey, RowLevelSecurity, TableConstraint

PATIENTS = rls.listed("patients")
TEAMS = rls.listed("teams")
IS_OWN = f"patient_id = {rls.OWN_PATIENT}"


def same_clinic(column: str, to_table: str) -> CompositeForeignKey:
    """Key: what ``column`` points at belongs to the clinic of the row."""
    return CompositeForeignKey(
        name=f"%(class)s_{column.removesuffix('_id')}_of_clinic",
        columns=("clinic_id", column),
        to_table=to_table,
        to_columns=("clinic_id", "id"),
        deferred=True,
    )


def patient_of_clinic() -> CompositeForeignKey:
    """Key: ``clinic_id`` and ``patient_id`` name one patient of that clinic."""
    return CompositeForeignKey(
        name="%(app_label)s_%(class)s_patient_of_clinic",
        columns=("clinic_id", "patient_id"),
        to_table="clinics_patient",
        to_columns=("clinic_id", "id"),
    )


def visible_to(condition: str) -> list[TableConstraint]:
    """Rows are one patient's; the clinic's jobs and whoever meets ``condition`` (SQL) read and write them."""
    read = f"{rls.IN_CLINIC} AND ({rls.CLINIC_SCOPE} OR {condition})"
    return [patient_of_clinic(), RowLevelSecurity(name="%(class)s_rls", read=read)]


def related_to_patient() -> list[TableConstraint]:
    """Rows are open to whoever has to do with their patient."""
    return visible_to(f"patient_id = ANY ({PATIENTS})")


def team_only() -> list[TableConstraint]:
    """Rows are open to their patient and to those who treat them, no caregivers."""
    return visible_to(f"{IS_OWN} OR ({rls.IS_CLINICAL} AND patient_id = ANY ({PATIENTS}))")


def patient_only() -> list[TableConstraint]:
    """Rows are open to their patient alone."""
    return visible_to(IS_OWN)

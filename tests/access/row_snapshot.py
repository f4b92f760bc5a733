"""What stands in the database about a patient, as one short mark for each table: did a request change any of it?"""

from django.apps import apps
from django.db import connection

from tracker.clinics.models import Patient, PatientOwned
from tracker.lib import rls

TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models()
    if issubclass(model, PatientOwned) and not model._meta.abstract
)


def take(patient: Patient) -> list[tuple[str, int, str]]:
    """Return table, number of rows and digest of their content, for every table that holds rows about a patient."""
    each = " UNION ALL ".join(
        f"SELECT '{table}', count(*), md5(coalesce(string_agg(row::text, '' ORDER BY row::text), ''))"
        f" FROM {table} AS row WHERE patient_id = %s"
        for table in TABLES
    )
    with rls.as_patient(patient.clinic_id, patient.pk), connection.cursor() as cursor:
        cursor.execute(each, [patient.pk] * len(TABLES))
        return list(cursor.fetchall())

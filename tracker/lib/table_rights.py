"""
Table rights: what the application's role may do with a table, declared by its model as ``db_rights``.

``manage.py grant_app_role`` grants them. Every table is read; rows are inserted and updated; they are deleted only
where a reason says so. Row-level security decides by a context, which whoever can run SQL as the application's role can
set; these rights hold against them too.
"""

from typing import Any, NamedTuple

from django.db.models import AutoField, Field, Model


class TableRights(NamedTuple):
    """
    The rights on one table. ``delete`` is the reason why its rows may go; without one they may not.

    ``fixed`` names the fields that stay as they were inserted. In a clinic's table the primary key, the clinic and the
    patient always do.
    """

    insert: bool = True
    update: bool = True
    delete: str = ""
    fixed: tuple[str, ...] = ()


DEFAULT = TableRights()
APPEND_ONLY = TableRights(update=False)
READ_ONLY = TableRights(insert=False, update=False)


def granted(model: type[Model], rights: TableRights) -> list[str]:
    """Return what is granted, as SQL: ``SELECT``, ``INSERT (columns)``, ``UPDATE (columns)``, ``DELETE``."""
    fields = [field for field in model._meta.local_concrete_fields if field.column]
    # A number that the database gives is never the caller's choice: an audit event's, say.
    inserted = [field for field in fields if not isinstance(field, AutoField)]
    changing = updated(model, rights)
    return [
        "SELECT",
        *([f"INSERT ({_columns(inserted)})"] if rights.insert else []),
        *([f"UPDATE ({_columns(changing)})"] if rights.update and changing else []),
        *(["DELETE"] if rights.delete else []),
    ]


def updated(model: type[Model], rights: TableRights) -> "list[Field[Any, Any]]":
    """Return the fields that may change after a row was inserted."""
    fixed = _fixed(model, rights)
    return [
        field for field in model._meta.local_concrete_fields if field.column and field.column not in fixed
    ]


def _fixed(model: type[Model], rights: TableRights) -> set[str]:
    """The columns that stay as they were inserted."""
    columns = {field.name: field.column for field in model._meta.local_concrete_fields if field.column}
    names = {*rights.fixed}
    if "clinic_id" in columns.values():
        names |= {field.name for field in model._meta.pk_fields} | {"clinic_id", "patient"} & columns.keys()
    return {columns[name] for name in names}


def _columns(fields: "list[Field[Any, Any]]") -> str:
    return ", ".join(f'"{field.column}"' for field in fields)

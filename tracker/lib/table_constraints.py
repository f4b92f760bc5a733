"""
Table constraints that Django lacks: row-level security, composite foreign keys, spans that do not overlap, triggers.

They stand in ``Meta.constraints``, so ``makemigrations`` writes them into the migration of their table. A migration
holds their arguments, conditions as SQL text: a later change of the helper that made a condition changes no old
migration. The statements around the conditions are made here whenever a migration runs: after a release they must not
change (decision 0007).
"""

from collections.abc import Sequence
from typing import Any, Self

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import BaseConstraint, Model


class TableConstraint(BaseConstraint):
    """Something the database keeps of a table, made and dropped by SQL of its own; validation is the database's."""

    _arguments: dict[str, Any]

    def __init__(self, *, name: str, **arguments: Any) -> None:
        super().__init__(name=name)
        self._arguments = arguments

    def constraint_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> None:  # type: ignore[override]
        """Leave ``CREATE TABLE`` as it is; add the statements once the migration's tables are there."""
        schema_editor.deferred_sql.append(self.create_sql(model, schema_editor))

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        raise NotImplementedError

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        raise NotImplementedError

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to tell in advance: the database refuses."""

    def deconstruct(self) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        return (
            path,
            tuple(args),
            kwargs | {name: value for name, value in self._arguments.items() if value is not None},
        )

    def clone(self) -> Self:
        _, args, kwargs = self.deconstruct()
        return type(self)(*args, **kwargs)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.deconstruct() == self.deconstruct()

    __hash__ = None  # type: ignore[assignment]


class RowLevelSecurity(TableConstraint):
    """
    Rows are read where ``read`` (SQL) holds, and written where ``insert``, ``update`` and ``delete`` do.

    A command without a condition of its own has that of ``read``. What is changed must be readable too, before and
    after; so must what ``RETURNING`` and ``ON CONFLICT (columns)`` of an insert name.
    """

    def __init__(
        self,
        *,
        name: str,
        read: str,
        insert: str | None = None,
        update: str | None = None,
        delete: str | None = None,
    ) -> None:
        super().__init__(name=name, read=read, insert=insert, update=update, delete=delete)
        self.read, self.insert, self.update, self.delete = (
            read,
            insert or read,
            update or read,
            delete or read,
        )

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        table = schema_editor.quote_name(model._meta.db_table)
        return (
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;\n"
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;\n"
            f"CREATE POLICY rls_select ON {table} FOR SELECT USING ({self.read});\n"
            f"CREATE POLICY rls_insert ON {table} FOR INSERT WITH CHECK ({self.insert});\n"
            f"CREATE POLICY rls_update ON {table} FOR UPDATE USING ({self.update}) WITH CHECK ({self.update});\n"
            f"CREATE POLICY rls_delete ON {table} FOR DELETE USING ({self.delete})"
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        table = schema_editor.quote_name(model._meta.db_table)
        drops = "".join(
            f"DROP POLICY rls_{command} ON {table};\n" for command in ("delete", "update", "insert", "select")
        )
        return (
            f"{drops}ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;\n"
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"
        )


class CompositeForeignKey(TableConstraint):
    """``columns`` name one row of ``to_table`` by its ``to_columns``: the clinic goes along with the id."""

    def __init__(
        self,
        *,
        name: str,
        columns: Sequence[str],
        to_table: str,
        to_columns: Sequence[str],
        deferred: bool | None = None,
    ) -> None:
        columns, to_columns = tuple(columns), tuple(to_columns)
        super().__init__(
            name=name, columns=columns, to_table=to_table, to_columns=to_columns, deferred=deferred
        )
        self.columns, self.to_table, self.to_columns, self.deferred = columns, to_table, to_columns, deferred

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        here, there = (", ".join(map(quote, names)) for names in (self.columns, self.to_columns))
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)}"
            f" FOREIGN KEY ({here}) REFERENCES {quote(self.to_table)} ({there})"
            + (" DEFERRABLE INITIALLY DEFERRED" if self.deferred else "")
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"


class NoOverlap(TableConstraint):
    """
    Of rows with the same ``columns`` no two have a ``span`` (SQL of a range) in common.

    ``condition`` (SQL) says which rows count. Columns that are no ranges need the extension ``btree_gist``.
    """

    def __init__(self, *, name: str, columns: Sequence[str], span: str, condition: str | None = None) -> None:
        columns = tuple(columns)
        super().__init__(name=name, columns=columns, span=span, condition=condition)
        self.columns, self.span, self.condition = columns, span, condition

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        same = "".join(f"{quote(column)} WITH =, " for column in self.columns)
        return (
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)}"
            f" EXCLUDE USING gist ({same}{self.span} WITH &&)"
            + (f" WHERE ({self.condition})" if self.condition else "")
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        return f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"


class Trigger(TableConstraint):
    """
    ``execute`` (a function of an earlier migration, called with its arguments) runs ``when`` the table is written:
    ``BEFORE UPDATE OR DELETE``, say. ``condition`` is SQL over OLD and NEW; ``constraint`` makes it a constraint
    trigger that may be deferred.
    """

    def __init__(
        self,
        *,
        name: str,
        when: str,
        execute: str,
        condition: str | None = None,
        per_statement: bool | None = None,
        constraint: str | None = None,
    ) -> None:
        super().__init__(
            name=name,
            when=when,
            execute=execute,
            condition=condition,
            per_statement=per_statement,
            constraint=constraint,
        )
        self.when, self.execute, self.condition = when, execute, condition
        self.per_statement, self.constraint = per_statement, constraint

    def create_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        kind = "CONSTRAINT TRIGGER" if self.constraint else "TRIGGER"
        return (
            f"CREATE {kind} {quote(self.name)} {self.when} ON {quote(model._meta.db_table)}"
            + (f" {self.constraint}" if self.constraint else "")
            + (" FOR EACH STATEMENT" if self.per_statement else " FOR EACH ROW")
            + (f" WHEN ({self.condition})" if self.condition else "")
            + f" EXECUTE FUNCTION {self.execute}"
        )

    def remove_sql(self, model: type[Model], schema_editor: BaseDatabaseSchemaEditor) -> str:  # type: ignore[override]
        quote = schema_editor.quote_name
        return f"DROP TRIGGER {quote(self.name)} ON {quote(model._meta.db_table)}"

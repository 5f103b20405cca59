"""Laws: rules that the database itself keeps, declared beside the model.

Constraints come first. Where one cannot say the rule, a ``Law`` does: a django-pgtrigger trigger whose function
lacks the clause by which any session could switch it off, and whose search path is pinned so that no temporary
table can stand in for a real one. Every law raises ``check_violation`` with its own name as the constraint;
``errors.refusal_for`` finds the refusal that claims the name.
"""

from typing import Any

import pgtrigger
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement, Table
from pgtrigger import compiler


class LawSql(compiler.UpsertTriggerSql):
    """How a law is written into the database: no off switch, a pinned search path, perhaps the owner's rights."""

    def get_defaults(self, pgid: str) -> dict[str, str]:
        return {**super().get_defaults(pgid), "security": "INVOKER"}

    def __init__(self, *, security: str = "INVOKER", **options: Any) -> None:
        self.security = security
        super().__init__(**options)
        self.kwargs["security"] = security

    def get_template(self) -> str:
        return (
            """
            CREATE OR REPLACE FUNCTION {pgid}() RETURNS TRIGGER
            LANGUAGE plpgsql SECURITY """
            + self.security
            + """ SET search_path = pg_catalog, public, pg_temp AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$;
            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE FUNCTION {execute};
            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
            """
        )


class Law(pgtrigger.Trigger):
    """A trigger that no setting switches off.

    ``security="DEFINER"`` runs it with its owner's rights, for a law that must lock rows which the application
    role may only read.
    """

    def __init__(self, *, security: str = "INVOKER", **options: Any) -> None:
        self.security = security
        super().__init__(**options)

    def compile(self, model: Any) -> compiler.Trigger:
        return compiler.Trigger(
            name=self.name,
            sql=LawSql(
                security=self.security,
                pgid=self.get_pgid(model),
                declare=self.render_declare(model),
                func=self.render_func(model),
                table=model._meta.db_table,
                constraint="CONSTRAINT" if self.timing else "",
                when=self.when,
                operation=self.operation,
                timing=f"DEFERRABLE INITIALLY {self.timing}" if self.timing else "",
                referencing=self.referencing or "",
                level=self.level,
                condition=self.render_condition(model),
                execute=self.render_execute(model),
            ),
        )


def refuse(law: str, words: str, *facts: str) -> str:
    """PL/pgSQL that refuses in the name of ``law``. ``facts``, names and SQL values in turn, reach the refusal."""
    quoted = words.replace("'", "''")
    detail = f", DETAIL = json_build_object({', '.join(facts)})::text" if facts else ""
    return f"RAISE EXCEPTION '{quoted}' USING ERRCODE = 'check_violation', CONSTRAINT = '{law}'{detail};"


def prove_deferred() -> None:
    """Run the deferred laws now, then defer them again. Raises IntegrityError in the law's name."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")


def append_only(law: str, words: str, *, erasable: str = "", once: str = "") -> Law:
    """Rows are added and never changed or deleted.

    The text of the column ``erasable`` may be emptied once the SQL condition ``once`` holds, in a row that stays the
    same byte for byte otherwise: that is how a person is erased and the books stay.
    """
    erasure = f"""
    IF TG_OP = 'UPDATE' THEN
        IF NEW.{erasable} = '' AND ({once}) THEN
            OLD.{erasable} := '';
            IF NEW *= OLD THEN
                RETURN NEW;
            END IF;
        END IF;
    END IF;
    """
    return Law(
        name="append_only",
        when=pgtrigger.Before,
        operation=pgtrigger.Update | pgtrigger.Delete,
        func=(erasure if erasable else "") + refuse(law, words),
    )


def no_truncate() -> Law:
    """A protected table is never emptied, not even by its owner."""
    return Law(
        name="no_truncate",
        when=pgtrigger.Before,
        operation=pgtrigger.Truncate,
        level=pgtrigger.Statement,
        func=refuse("no_truncate", "protected tables are never truncated"),
    )


def numbered(series: str, *, when: str = "TRUE", also_on_update: bool = False) -> tuple[Law, ...]:
    """The database numbers documents without gaps: one series per administration, named by the SQL ``series``.

    The counter's row stays locked until commit, so that a number which is rolled back is given again. Within a
    statement the next number is kept in a setting of the transaction, so that a bulk insert moves the counter once
    and not once a row; what the setting said is proved against the counter when the statement ends.
    """
    setting = f"'daybook.n' || md5(NEW.administration_id || {series})"
    counter = f"""
                SELECT last INTO given FROM core_counter
                WHERE administration_id = NEW.administration_id AND core_counter.series = {series} FOR UPDATE"""
    give = Law(
        name="numbered",
        when=pgtrigger.Before,
        operation=pgtrigger.Insert | pgtrigger.Update if also_on_update else pgtrigger.Insert,
        declare=[("given", "integer"), ("setting", "text")],
        func=f"""
        IF {when} THEN
            setting := {setting};
            given := nullif(current_setting(setting, TRUE), '');
            IF given IS NULL THEN
                {counter};
                IF NOT FOUND THEN
                    INSERT INTO core_counter (administration_id, series, last)
                    VALUES (NEW.administration_id, {series}, 0) ON CONFLICT DO NOTHING;
                    {counter};
                END IF;
            END IF;
            NEW.number := given + 1;
            PERFORM set_config(setting, NEW.number::text, TRUE);
        END IF;
        RETURN NEW;
        """,
    )
    operations = [pgtrigger.Insert, pgtrigger.Update] if also_on_update else [pgtrigger.Insert]
    return (give, *(_counted(series, when, operation) for operation in operations))


def _counted(series: str, when: str, operation: Any) -> Law:
    """When a statement ends, its numbers follow the counter without a gap, and the counter moves past them."""
    return Law(
        name=f"counted_{str(operation).lower()}",
        when=pgtrigger.After,
        operation=operation,
        level=pgtrigger.Statement,
        referencing=pgtrigger.Referencing(new="added"),
        declare=[("given", "record")],
        func=f"""
        FOR given IN
            SELECT document.administration_id, {series.replace("NEW.", "document.")} AS series,
                   min(number) AS low, max(number) AS high, count(*) AS documents
            FROM added AS document WHERE {when.replace("NEW.", "document.")} GROUP BY 1, 2 ORDER BY 1, 2
        LOOP
            UPDATE core_counter SET last = given.high
            WHERE administration_id = given.administration_id AND core_counter.series = given.series
              AND last = given.low - 1 AND given.documents = given.high - given.low + 1;
            IF NOT FOUND THEN
                {refuse("numbers_without_gaps", "documents are numbered without gaps")}
            END IF;
            PERFORM set_config('daybook.n' || md5(given.administration_id || given.series), '', TRUE);
        END LOOP;
        RETURN NULL;
        """,
    )


class SameAdministration(models.BaseConstraint):
    """A foreign key that also carries the administration, so that a row never names a row of other books.

    The table pointed at needs a unique constraint over (administration, id); ``owned`` makes it. ``along`` names
    further foreign keys that both rows share: they are carried too, and stand in that constraint between the two.
    """

    def __init__(self, *, field: str, name: str, along: tuple[str, ...] = ()) -> None:
        self.field, self.along = field, tuple(along)
        super().__init__(name=name, violation_error_message="A row can only name rows of its own administration.")

    def constraint_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> str:
        """Nothing inside CREATE TABLE: the key it points at may come later in the same migration."""
        assert model is not None
        assert schema_editor is not None
        quote = schema_editor.quote_name
        field: Any = model._meta.get_field(self.field)
        shared = "".join(f" {quote(f'{name}_id')}," for name in self.along)
        schema_editor.deferred_sql.append(
            Statement(
                f"ALTER TABLE %(table)s ADD CONSTRAINT {quote(self.name)}"
                f" FOREIGN KEY (administration_id,{shared} {quote(field.column)})"
                f" REFERENCES {quote(field.related_model._meta.db_table)} (administration_id,{shared} id)",
                table=Table(model._meta.db_table, quote),
            )
        )
        return ""

    create_sql = constraint_sql

    def remove_sql(self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None) -> Any:
        assert model is not None
        assert schema_editor is not None
        return Statement(
            "ALTER TABLE %(table)s DROP CONSTRAINT %(name)s",
            table=Table(model._meta.db_table, schema_editor.quote_name),
            name=schema_editor.quote_name(self.name),
        )

    def validate(
        self,
        model: type[models.Model],
        instance: models.Model,
        exclude: Any = None,
        using: str = "default",
    ) -> None:
        if exclude and (self.field in exclude or "administration" in exclude):
            return
        named = getattr(instance, self.field)
        shared = [f"{name}_id" for name in ("administration", *self.along)]
        if named is not None and any(getattr(named, name) != getattr(instance, name) for name in shared):
            raise ValidationError(self.get_violation_error_message())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameAdministration) and self.deconstruct() == other.deconstruct()

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        kwargs.pop("violation_error_message", None)
        return path, args, {**kwargs, "field": self.field, **({"along": self.along} if self.along else {})}


def same_administration(model: str, *fields: str) -> list[models.BaseConstraint]:
    """Constraints by which each of ``fields`` of ``model`` stays inside the administration."""
    return [SameAdministration(field=field, name=f"{model}_{field}_same_administration") for field in fields]


def owned(model: str) -> models.UniqueConstraint:
    """The unique key that rows of other tables point at together with the administration."""
    return models.UniqueConstraint(fields=["administration", "id"], name=f"{model}_owned")

"""The two roles of a Daybook database: the owner migrates, the application only reads and writes rows."""

import os
from urllib.parse import unquote, urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError
from psycopg import sql


class Command(BaseCommand):
    help = "Make or update the database and its roles from DATABASE_ADMIN_URL, DATABASE_OWNER_URL and DATABASE_URL."
    requires_system_checks: list[str] = []

    def handle(self, *args, **options):
        urls = [os.environ.get(name, "") for name in ("DATABASE_ADMIN_URL", "DATABASE_OWNER_URL", "DATABASE_URL")]
        if not all(urls):
            raise CommandError("Set DATABASE_ADMIN_URL (a superuser), DATABASE_OWNER_URL and DATABASE_URL.")
        try:
            create_roles(*urls)
        except ValueError as refusal:
            raise CommandError(str(refusal)) from None


def create_roles(admin_url: str, owner_url: str, application_url: str) -> None:
    """Make both roles, the database and the grants, or bring them up to date."""
    owner, application = urlsplit(owner_url), urlsplit(application_url)
    owner_name, application_name = owner.username or "", application.username or ""
    database = application.path.lstrip("/")
    if owner.path != application.path:
        raise ValueError("DATABASE_OWNER_URL and DATABASE_URL name different databases.")
    if owner_name == application_name:
        raise ValueError("The application must not be the owner: give DATABASE_URL a role of its own.")

    with psycopg.connect(admin_url, autocommit=True) as server:
        create_role(server, owner_name, unquote(owner.password or ""), "CREATEDB")
        create_role(server, application_name, unquote(application.password or ""), "NOCREATEDB")
        # The owner may end the application's sessions, which DROP DATABASE ... WITH (FORCE) takes.
        membership = sql.SQL("GRANT {} TO {}").format(sql.Identifier(application_name), sql.Identifier(owner_name))
        server.execute(membership)
        create_database(server, database, owner_name)
        server.execute(no_temporary_tables(database))
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as server:
        server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")  # the rule only since PostgreSQL 15
        server.execute(sql.SQL("GRANT CREATE ON SCHEMA public TO {}").format(sql.Identifier(owner_name)))
    with psycopg.connect(owner_url, autocommit=True) as own:
        grant_rows(own, application_name)


def no_temporary_tables(database):
    """A temporary table could carry a trigger of the application's own, inside which a counter would move."""
    return sql.SQL("REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))


def create_role(server, name, password, powers):
    role = sql.Identifier(name)
    known = server.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    if not known:
        server.execute(sql.SQL("CREATE ROLE {}").format(role))
    server.execute(
        sql.SQL("ALTER ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOREPLICATION NOBYPASSRLS {} PASSWORD {}").format(
            role, sql.SQL(powers), sql.Literal(password)
        )
    )


def create_database(server, name, owner):
    known = server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
    if known:
        server.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(name), sql.Identifier(owner)))
        return
    # The builtin provider sorts alike on every machine; it came with PostgreSQL 17.
    builtin = server.info.server_version >= 170000
    same_order = "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'" if builtin else ""
    server.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8' {}").format(
            sql.Identifier(name), sql.Identifier(owner), sql.SQL(same_order)
        )
    )


def grant_rows(own, application):
    """Run as the owner: what it makes from now on, the application reads and writes row by row.

    Said once per database, so that what a migration takes away again stays taken away.
    """
    said = own.execute(
        "SELECT 1 FROM pg_default_acl WHERE defaclrole = current_user::regrole AND defaclobjtype = 'r'"
        " AND defaclacl::text LIKE '%%' || %s || '=%%'",
        [application],
    ).fetchone()
    if said:
        return
    statements = [
        "GRANT USAGE ON SCHEMA public TO {}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {}",
    ]
    for statement in statements:
        own.execute(sql.SQL(statement).format(sql.Identifier(application)))

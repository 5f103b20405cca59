"""Every column of every table, read as text: where something is written that should be nowhere."""

from django.db import connection
from psycopg import sql


def places_of(*words: str) -> set[str]:
    """The columns (``table.column``) in which one of ``words`` stands, in clear or as the bytes of a file."""
    columns = """
        SELECT table_name, column_name FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'
    """
    found = set()
    with connection.cursor() as cursor:
        cursor.execute(columns)
        for table, column in cursor.fetchall():
            holds = sql.SQL("SELECT EXISTS (SELECT FROM {table} WHERE {column}::text ILIKE ANY (%s))").format(
                table=sql.Identifier(table), column=sql.Identifier(column)
            )
            patterns = [f"%{form}%" for word in words for form in (word, word.encode().hex())]
            cursor.execute(holds, [patterns])
            if cursor.fetchone()[0]:
                found.add(f"{table}.{column}")
    return found

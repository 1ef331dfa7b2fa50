"""`column IN (thousands of texts)` as one parameter, on SQLite and PostgreSQL alike.

A parameter for each text has a limit, and SQLAlchemy looks at each of them, which takes longer than
the database does.
"""

from collections.abc import Collection
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


def among(column: sa.ColumnElement[str], texts: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether the column is one of the texts."""
    each = _TextsOf(orjson.dumps([*texts]).decode()).table_valued("value")
    return column.in_(sa.select(each.c.value))


class _TextsOf(GenericFunction[Any]):
    """The texts of a JSON array, as SQLite calls the function."""

    name = "json_each"
    inherit_cache = True


@compiles(_TextsOf, "postgresql")
def _on_postgresql(function: _TextsOf, compiler: SQLCompiler, **options: Any) -> str:
    array = compiler.process(function.clause_expr, **options)
    return f"json_array_elements_text(CAST({array} AS JSON))"

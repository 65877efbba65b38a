"""SQL text of SQLAlchemy Core statements, compiled once and kept.

Statements that a room builds once, at import, cost one dictionary look-up here. Column types are chosen so that the
drivers' own values fit (text, integers, bytes, booleans), so no processors run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.sql.compiler import SQLCompiler

from switchbay.infra.db.door import Engine, Params, Statement, Value


@cache
def dialect(engine: Engine) -> Dialect:
    """SQLAlchemy's description of an engine, in the form that its driver takes parameters."""
    if engine == "sqlite":
        return cast("Dialect", pysqlite.dialect(paramstyle="qmark"))
    from sqlalchemy.dialects.postgresql import asyncpg  # noqa: PLC0415 - only who uses it pays for its memory

    return cast("Dialect", asyncpg.dialect())  # type: ignore[no-untyped-call]  # untyped upstream


@dataclass(frozen=True, slots=True)
class _Compiled:
    text: str
    names: tuple[str, ...]
    defaults: Mapping[str, Value]
    expanding: SQLCompiler | None
    """What is needed to write out lists of values; kept only where there are some, because it is large."""


@lru_cache(maxsize=1024)
def _compile(statement: Statement, engine: Engine) -> _Compiled:
    compiler = statement.compile(dialect=dialect(engine))
    required = {bind.key for bind in compiler.binds.values() if bind.required}
    defaults = {name: value for name, value in compiler.params.items() if name not in required}
    return _Compiled(
        str(compiler),
        tuple(compiler.positiontup or ()),
        defaults,
        compiler if compiler.post_compile_params else None,
    )


def render(statement: Statement, params: Params | None, engine: Engine) -> tuple[str, Sequence[Value]]:
    """Return the text and the positional values to run ``statement`` with ``params`` on ``engine``."""
    compiled = _compile(statement, engine)
    values: Params = compiled.defaults if params is None else {**compiled.defaults, **params}
    if compiled.expanding is not None:
        state = compiled.expanding.construct_expanded_state(dict(values))
        expanded: Mapping[str, Any] = state.parameters
        return state.statement, [expanded[name] for name in state.positiontup or ()]
    return compiled.text, cast("Sequence[Value]", [values[name] for name in compiled.names])


def quoted(name: str) -> str:
    """Quote an identifier for either engine."""
    return '"' + name.replace('"', '""') + '"'


def type_name(column: "sa.Column[Any]", engine: Engine) -> str:
    """The SQL name of a column's type."""
    return column.type.compile(dialect=dialect(engine))

"""The settings of a command: environment, ``switchbay.toml`` and options, and how they are refused."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from switchbay.infra.settings import Settings
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Folder of the database and keys (SWITCHBAY_DATA_DIR).")
]
DatabaseUrl = Annotated[str | None, typer.Option("--database-url", help="Database (SWITCHBAY_DATABASE_URL).")]


def load_settings(**given: Any) -> Settings:  # noqa: ANN401 - any setting, which pydantic checks
    """Read the settings from the environment and ``switchbay.toml``; what is given and not None wins."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        # Names and reasons only: the values may be secrets.
        found = [f"{'.'.join(str(step) for step in problem['loc'])}: {problem['msg']}" for problem in error.errors()]
        raise _invalid("; ".join(found), list(found)) from None
    except ValueError as error:  # a file that is not TOML
        raise _invalid(f"switchbay.toml: {error}", []) from error


def _invalid(reason: str, found: list[JsonValue]) -> AppError:
    return AppError(Kind.INVALID, "settings_invalid", f"The settings cannot be used: {reason}.", {"found": found})

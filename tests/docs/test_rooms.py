"""A room uses only the doors of other rooms: their ``public.py``. The import linter keeps the order of the rooms."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_SOURCE = Path(__file__).parent.parent.parent / "src" / "switchbay"
_ROOMS = ("manifest", "content", "accounts", "webhooks", "apps", "oauth", "messaging", "engagement", "console")


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _past_the_door(path: Path) -> list[str]:
    own = path.relative_to(_SOURCE).parts[0]
    return [
        name
        for name in _imported(ast.parse(path.read_text()))
        if name.startswith("switchbay.")
        and (parts := [*name.split("."), ""])[1] in _ROOMS
        and parts[1] != own
        and parts[2] not in ("public", "")
    ]


@pytest.mark.parametrize("room", [*_ROOMS, "cli"])
def test_a_room_uses_only_the_doors_of_others(room: str) -> None:
    around = {str(path.relative_to(_SOURCE)): _past_the_door(path) for path in sorted((_SOURCE / room).rglob("*.py"))}
    assert {path: names for path, names in around.items() if names} == {}


@pytest.mark.parametrize("room", ["kit", "infra"])
def test_what_is_below_the_rooms_knows_none_of_them(room: str) -> None:
    for path in sorted((_SOURCE / room).rglob("*.py")):
        assert [
            name
            for name in _imported(ast.parse(path.read_text()))
            if name.startswith(tuple(f"switchbay.{each}" for each in _ROOMS))
        ] == []

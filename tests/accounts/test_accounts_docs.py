"""The reference of this room names every error code, audit action, service and route that the room has."""

import re
from pathlib import Path

import switchbay.accounts
from support.accounts_app import management_calls
from support.accounts_house import House
from switchbay.accounts.public import SERVICES

_ROOM = Path(switchbay.accounts.__file__).parent
_REFERENCE = Path(__file__).parent.parent.parent / "docs" / "reference"
_SOURCE = "\n".join(path.read_text() for path in sorted(_ROOM.rglob("*.py")))
_ROW = re.compile(r"^\| `([a-z_.]+)` \|", re.MULTILINE)


def _rows(document: str, heading: str) -> set[str]:
    section = (_REFERENCE / document).read_text().split(heading, 1)[1]
    return set(_ROW.findall(section.split("\nActions of ", 1)[0]))


def test_every_error_code_of_the_room_is_in_its_reference_and_no_other() -> None:
    codes = set(re.findall(r'AppError\(\s*Kind\.[A-Z_]+, "([a-z_]+)"', (_ROOM / "errors.py").read_text()))
    assert codes == _rows("accounts.md", "## Errors")


def test_every_audit_action_of_the_room_is_in_the_reference_and_no_other() -> None:
    actions = set(re.findall(r'"((?:account|user|session)\.[a-z_]+)"', _SOURCE))
    assert actions == _rows("audit.md", "Actions of accounts")


def test_every_service_is_in_the_reference() -> None:
    text = (_REFERENCE / "accounts.md").read_text()
    assert [service for service in SERVICES if f"`{service}`" not in text] == []


async def test_every_route_of_the_management_api_is_in_the_reference(house: House) -> None:
    text = (_REFERENCE / "accounts.md").read_text()
    calls = [f"| `{method} {path}" for method, path in management_calls(house.accounts)]
    assert len(calls) == 18
    assert [call for call in calls if call not in text] == []

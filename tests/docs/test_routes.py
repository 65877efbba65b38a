"""Every route that a node serves is in the reference, and no other."""

import re
from pathlib import Path

from support.routes import served_routes

_PAGE = Path(__file__).parent.parent.parent / "docs" / "reference" / "http.md"

# The app-install API takes every method, because any may come with an override header, and refuses these without one.
_ONLY_REFUSED = {("PUT", "installations"), ("PATCH", "installations"), ("DELETE", "installations"), ("PATCH", "{app}")}


async def test_every_route_is_documented(tmp_path: Path) -> None:
    documented = set(re.findall(r"^\| `([A-Z]+)` \| `(/[^`]*)` \|", _PAGE.read_text(), re.MULTILINE))
    served = {
        (method, path)
        for method, path in await served_routes(tmp_path)
        if not path.endswith("/") and (method, path.rpartition("/")[2]) not in _ONLY_REFUSED
    }
    assert sorted(served - documented) == []
    assert sorted(documented - served) == []

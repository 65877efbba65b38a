"""The file of an export: cut after its last whole line, wherever that ends."""

from pathlib import Path

import pytest

from switchbay.cli.export_file import ExportFile
from switchbay.kit.errors import AppError

_FIRST = b'{"cursor":"AAA","events":["' + b"x" * 100_000 + b'"]}\n'
_SECOND = b'{"cursor":"B-_","events":[]}\n'


@pytest.mark.parametrize(
    ("there", "kept", "cursor"),
    [
        (b"", b"", None),
        (b'{"cursor":"AA', b"", None),
        (_FIRST, _FIRST, "AAA"),
        (_FIRST + _SECOND, _FIRST + _SECOND, "B-_"),
        (_FIRST + _SECOND[:-1], _FIRST, "AAA"),
        (_SECOND + _FIRST[:-1], _SECOND, "B-_"),
    ],
)
def test_an_export_goes_on_after_the_last_whole_line(
    tmp_path: Path, there: bytes, kept: bytes, cursor: str | None
) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(there)
    with ExportFile.open(path, resume=True) as file:
        assert file.cursor == cursor
        file.write(_SECOND[:5])
        file.write(_SECOND[5:])
        assert file.lines == 1
    assert path.read_bytes() == kept + _SECOND


def test_a_new_export_replaces_the_file(tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    path.write_bytes(_FIRST)
    with ExportFile.open(path, resume=False) as file:
        assert file.cursor is None
    assert path.read_bytes() == b""


@pytest.mark.parametrize("there", [b"something else\n", None])
def test_what_cannot_be_gone_on_with_is_refused_and_kept(tmp_path: Path, there: bytes | None) -> None:
    path = tmp_path / "export.jsonl"
    if there is not None:
        path.write_bytes(there)
    with pytest.raises(AppError) as caught, ExportFile.open(path, resume=True):
        pass
    assert caught.value.code == "export_file_unusable"
    assert (path.read_bytes() if path.exists() else None) == there

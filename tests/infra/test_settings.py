"""Settings come from arguments, the environment and a file, and refuse what they do not know."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from switchbay.infra.settings import Settings


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_default_database_is_a_file_in_the_data_folder() -> None:
    assert Settings(data_dir=Path("/srv/sb")).database_address == "sqlite:////srv/sb/switchbay.db"


def test_the_environment_wins_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "switchbay.toml").write_text('port = 1111\nhost = "0.0.0.0"\n')
    monkeypatch.setenv("SWITCHBAY_PORT", "2222")
    settings = Settings()
    assert (settings.port, settings.host) == (2222, "0.0.0.0")  # noqa: S104 - read back, not listened on
    assert settings.public_address == "localhost:2222"


def test_lists_are_words_separated_by_commas_or_spaces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWITCHBAY_EGRESS_ALLOW", "10.0.0.0/8, 127.0.0.1/32")
    assert Settings().egress_allow == ("10.0.0.0/8", "127.0.0.1/32")


def test_an_unknown_setting_in_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "switchbay.toml").write_text("prot = 1\n")
    with pytest.raises(ValidationError, match="prot"):
        Settings()


def test_the_master_keys_do_not_show_in_a_dump() -> None:
    assert "c2VjcmV0" not in repr(Settings.model_validate({"master_keys": "k:c2VjcmV0"}))

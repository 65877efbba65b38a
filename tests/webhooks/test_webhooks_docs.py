"""The reference of webhooks names every word that an answer of ours may hold."""

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from switchbay.webhooks import metrics
from switchbay.webhooks.domain import AttemptOutcome, Reason, Status

_ROOT = Path(__file__).parent.parent.parent
_PAGE = (_ROOT / "docs" / "reference" / "webhooks.md").read_text("utf-8")


def _failures() -> set[str]:
    text = "".join(path.read_text("utf-8") for path in (_ROOT / "src/switchbay/infra/egress").glob("*.py"))
    words = re.findall(r'(?:\bFailed\(\s*|_finish\(|failure = |timeout=|reset=|other=)"([a-z_]+)"', text)
    return set(words)


def test_every_failure_is_documented_and_no_other() -> None:
    section = _PAGE.split("| failure |")[1].split("###")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) == _failures()


@pytest.mark.parametrize("word", [*Status, *Reason, *AttemptOutcome])
def test_every_status_reason_and_outcome_is_documented(word: str) -> None:
    assert f"`{word}`" in _PAGE


def test_every_metric_is_documented_and_no_other() -> None:
    assert metrics.LANES is not None
    names = {
        metric.name + ("_total" if metric.type == "counter" else "")
        for metric in REGISTRY.collect()
        if metric.name.startswith("switchbay_webhook_")
    }
    assert set(re.findall(r"^\| `(switchbay_webhook_[a-z_]+)` \|", _PAGE, re.MULTILINE)) == names

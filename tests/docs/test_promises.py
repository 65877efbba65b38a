"""What the delivery engine promises has a test by the name of the promise; renaming or losing one fails here."""

import ast
from pathlib import Path

import pytest

_TESTS = Path(__file__).parent.parent

_PROMISES = [
    "order_kept_when_middle_event_fails_and_retries",
    "other_conversations_flow_while_one_waits",
    "ttl_mode_holds_whole_installation_and_releases_in_order",
    "ttl_backoff_2_4_8_cap_300_and_expiry",
    "retry_n_times_exactly_30s_apart_then_exhausted",
    "only_200_and_201_succeed",
    "connect_and_read_timeouts_are_separate",
    "slow_drip_huge_and_gzip_bomb_bodies_are_cut",
    "signature_over_exact_bytes_sent",
    "crash_after_commit_before_hand_off_is_swept",
    "crash_between_200_and_attempt_record_resends_with_same_id",
    "kill_9_during_load_loses_nothing",
    "lease_lost_by_slow_worker_cannot_write_result",
    "two_nodes_never_send_same_lane_at_once",
    "one_dead_endpoint_does_not_delay_others",
    "ssrf_table",
    "dns_rebinding_second_answer_private",
    "graceful_stop_finishes_inflight_and_releases_claims",
    "disable_parks_pending_and_enable_resumes_in_order",
    "replay_once_per_event_stable_paging_survives_restart",
    "duplicate_ingest_same_key_gives_one_event",
    "database_outage_recovers_without_restart",
    "breaker_half_open_single_probe",
    "clock_jump_does_not_storm_retries",
    "model_of_the_engine",
]


def _names() -> dict[str, int]:
    found: dict[str, int] = {}
    for path in sorted(_TESTS.rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name] = found.get(node.name, 0) + 1
    return found


@pytest.fixture(scope="module")
def names() -> dict[str, int]:
    """How often each name is that of a function in a test module."""
    return _names()


@pytest.mark.parametrize("promise", _PROMISES)
def test_each_promise_has_one_test_of_its_name(names: dict[str, int], promise: str) -> None:
    assert names.get(f"test_{promise}") == 1

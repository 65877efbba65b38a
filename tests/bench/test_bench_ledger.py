"""What "make bench" makes of a receiver's log: lost, doubled, out of order, badly signed, late."""

from pathlib import Path

from bench.ledger import Arrival, arrivals, count, numbers

from switchbay.kit.signatures import sign

_SECRETS = {"app": b"secret", "other": b"different"}
_ONE, _TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def _body(number: int, sequence: int, conversation: str = _ONE, at_us: int = 1_000_000) -> bytes:
    return (
        f'{{"kind":"notification","body":{{"changes":[{{"sequence":{sequence},"event":{{"type":"ContentEvent",'
        f'"message":"bench {number:09} {at_us:016} xxx"}},"conversationId":"{conversation}"}}]}}}}'
    ).encode()


def _came(number: int, sequence: int, conversation: str = _ONE, *, at_ms: int = 1_005, status: int = 200) -> Arrival:
    body = _body(number, sequence, conversation)
    return Arrival(at_ms, status, f"dlv_{number}", "app", sign(b"secret", body), body)


def test_lines_of_the_log_are_read_as_they_were_written(tmp_path: Path) -> None:
    log = tmp_path / "requests.log"
    log.write_bytes(
        b'1700000000.123 200 dlv_1 app sha1=x= {"message":"two  words"}\n1700000001.000 503 dlv_2 app sha1=y= \n'
    )
    assert list(arrivals(log)) == [
        Arrival(1_700_000_000_123, 200, "dlv_1", "app", "sha1=x=", b'{"message":"two  words"}'),
        Arrival(1_700_000_001_000, 503, "dlv_2", "app", "sha1=y=", b""),
    ]


def test_the_log_is_read_from_a_place_and_without_its_unfinished_line(tmp_path: Path) -> None:
    log = tmp_path / "requests.log"
    first = b"1.000 200 dlv_1 app s {}\n"
    log.write_bytes(first + b"2.000 200 dlv_2 app s {}\n3.000 200 dlv_")
    assert [each.request_id for each in arrivals(log, len(first))] == ["dlv_2"]


def test_numbers_of_accepted_messages_leave_out_an_unfinished_one(tmp_path: Path) -> None:
    accepted = tmp_path / "accepted.txt"
    accepted.write_text("000000002\n000000001\n0000")
    assert numbers(accepted) == [2, 1]


def test_what_was_accepted_and_did_not_come_is_lost() -> None:
    result = count([_came(1, 0)], {1, 2, 3}, _SECRETS)
    assert (result.received, result.lost) == (1, 2)


def test_what_came_without_an_answer_to_its_post_is_not_lost() -> None:
    result = count([_came(1, 0), _came(2, 1)], {1}, _SECRETS)
    assert (result.received, result.lost) == (2, 0)


def test_a_message_that_comes_again_is_a_duplicate_and_not_out_of_order() -> None:
    result = count([_came(1, 0), _came(2, 1), _came(1, 0)], {1, 2}, _SECRETS)
    assert (result.received, result.duplicates, result.out_of_order) == (2, 1, 0)


def test_a_message_behind_a_later_one_of_its_conversation_is_out_of_order() -> None:
    came = [_came(1, 0), _came(3, 2), _came(2, 1), _came(4, 0, _TWO)]
    assert count(came, {1, 2, 3, 4}, _SECRETS).out_of_order == 1


def test_a_refused_request_is_counted_and_has_not_arrived() -> None:
    result = count([_came(1, 0, status=503), _came(1, 0)], {1}, _SECRETS)
    assert (result.refused, result.received, result.duplicates, result.lost) == (1, 1, 0, 0)


def test_every_signature_is_verified_with_the_secret_of_its_app() -> None:
    good = _came(1, 0)
    forged = Arrival(good.at_ms, 200, "dlv_2", "other", good.signature, good.body)
    unknown = Arrival(good.at_ms, 200, "dlv_3", "nobody", good.signature, good.body)
    result = count([forged, unknown], {1}, _SECRETS)
    assert (result.bad_signatures, result.received, result.lost) == (2, 0, 1)


def test_latency_is_from_the_post_to_the_receipt_and_the_rate_from_first_to_last() -> None:
    came = [_came(number, number, at_ms=1_000 + 10 * number) for number in range(101)]
    result = count(came, set(range(101)), _SECRETS)
    assert (result.percentile(0.5), result.percentile(0.95), result.percentile(0.99)) == (500.0, 950.0, 990.0)
    assert result.per_second == 101.0


def test_nothing_that_came_has_no_latency() -> None:
    result = count([], set(), _SECRETS)
    assert (result.percentile(0.95), result.per_second, result.lost) == (0.0, 0.0, 0)

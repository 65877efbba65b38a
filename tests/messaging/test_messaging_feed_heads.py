"""Pages of another node: taken once, in whatever order they become visible, and not waited for without end."""

from switchbay.messaging.feed.heads import PATIENCE_SECONDS, Head


def test_pages_are_taken_once() -> None:
    head = Head(0)
    assert head.take([1, 2], 0) == [1, 2]
    assert head.take([1, 2, 3], 0) == [3]
    assert head.low == 3


def test_a_page_that_commits_late_is_taken_when_it_comes() -> None:
    head = Head(4)
    assert head.take([6, 7], 0) == [6, 7]
    assert head.low == 4
    assert head.take([5, 6, 7], 1) == [5]
    assert head.low == 7


def test_a_page_that_never_comes_is_waited_for_a_while_only() -> None:
    head = Head(0)
    head.take([2, 3], 0)
    head.take([], PATIENCE_SECONDS - 0.1)
    assert head.low == 0
    head.take([], PATIENCE_SECONDS)
    assert head.low == 3

"""Of a request's head the log keeps what tells requests apart, bounded, and no value of a custom header."""

from switchbay.webhooks.request_head import HIDDEN, kept_head, parse_head, shown_head

URL = "https://endpoint.example/hook?key=a: b"


def test_what_was_kept_is_read_back() -> None:
    shown = shown_head(URL, "4711", "client", ["Authorization"])
    kept = kept_head(shown, [("X-Liveperson-Signature", "sha1=a: b"), ("Authorization", "secret")], has_standard=False)
    assert parse_head(kept) == (
        URL,
        [
            ("X-Liveperson-Account-Id", "4711"),
            ("X-Liveperson-Client-Id", "client"),
            ("Authorization", HIDDEN),
            ("X-Liveperson-Signature", "sha1=a: b"),
        ],
    )


def test_a_custom_header_by_the_name_of_a_standard_one_is_hidden_unless_that_is_ours() -> None:
    shown = shown_head(URL, "4711", "client", ["webhook-signature"])
    given = [("webhook-signature", "secret")]
    assert "secret" not in kept_head(shown, given, has_standard=False)
    assert "secret" in kept_head(shown, given, has_standard=True)


def test_it_is_bounded() -> None:
    assert len(shown_head("https://" + 9_999 * "x", "4711", "client", 999 * ["X-" + 999 * "n"])) < 5_000

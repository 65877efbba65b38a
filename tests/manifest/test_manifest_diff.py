"""What changes between two manifests, said in words, riskier changes first."""

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from support.manifest_corpus import bases, cases, mutated_documents
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import Change, Manifest, Options, check_value, diff

_CONTENT = "ms.MessagingEventNotification.ContentEvent"
_OPTIONS = Options(extra_scopes=frozenset({"openid"}))


def _base(name: str) -> Any:
    return deepcopy(bases()[name])


def _manifest(document: Any) -> Manifest:
    report = check_value(document, _OPTIONS)
    assert report.manifest is not None, report.issues
    return report.manifest


def _diff(old: Any, new: Any) -> list[tuple[str, str, bool]]:
    return [(one.kind, one.sentence, one.widens) for one in diff(_manifest(old), _manifest(new))]


def test_same_manifest_has_no_changes() -> None:
    for document in bases().values():
        assert diff(_manifest(document), _manifest(document)) == []


def test_writing_it_differently_is_no_change() -> None:
    old = {"client_name": "a", "scope": "msg.consumer", "grant_types": ["client_credentials"]}
    assert _diff(old, {"scope": " msg.consumer msg.consumer", "client_name": "a", "deleted": False}) == []


def test_first_installation_says_all_that_it_asks_for() -> None:
    assert [change.sentence for change in diff(None, _manifest(_base("webhook")))] == [
        "asks for the scope msg.consumer",
        "uses the grant type client_credentials",
        "receives ContentEvent at hooks.example.com",
        "sends the new header x-api-key with ContentEvent",
        "has ContentEvent retried up to 3 times",
        'has "com.example.app" as client_name',
    ]


def test_scopes_grants_and_redirect_uris() -> None:
    new = _base("user")
    new["scope"] = "openid"
    new["grant_types"] = ["authorization_code", "client_credentials"]
    new["redirect_uris"] = ["https://evil.example/cb"]
    new["response_types"] = ["code", "token"]
    assert _diff(_base("user"), new) == [
        ("scope", "asks for the scope openid", True),
        ("grant_type", "uses the grant type client_credentials", True),
        ("redirect_uri", "lets sign-ons return to the new address https://evil.example/cb", True),
        ("response_type", "asks for the response type token", True),
        ("scope", "no longer asks for the scope msg.consumer", False),
        ("grant_type", "no longer uses the grant type refresh_token", False),
        ("redirect_uri", "no longer lets sign-ons return to https://app.example.com/cb", False),
    ]


def test_endpoint_on_another_host_is_said_with_both() -> None:
    new = _base("webhook")
    new["capabilities"]["webhooks"][_CONTENT]["endpoint"] = "https://b.example:8443/content?v=1"
    assert _diff(_base("webhook"), new) == [
        ("endpoint", "sends ContentEvent to new host b.example:8443 (was hooks.example.com)", True)
    ]


def test_endpoint_on_the_same_host_does_not_show_its_query() -> None:
    new = _base("webhook")
    new["capabilities"]["webhooks"][_CONTENT]["endpoint"] = "https://hooks.example.com/content?token=s3cr3t"
    assert _diff(_base("webhook"), new) == [
        ("endpoint", "sends ContentEvent to another address on hooks.example.com", False)
    ]


def test_events_that_come_and_go() -> None:
    new = _base("webhook")
    webhooks = new["capabilities"]["webhooks"]
    webhooks["ms.ExConversationChangeNotification"] = webhooks.pop(_CONTENT)
    assert _diff(_base("webhook"), new) == [
        ("event", "receives ExConversationChangeNotification at hooks.example.com", True),
        ("event", "no longer receives ContentEvent", False),
        ("header", "sends the new header x-api-key with ExConversationChangeNotification", False),
        ("retry", "has ExConversationChangeNotification retried up to 3 times", False),
    ]


def test_headers_are_named_and_their_values_never_shown() -> None:
    new = _base("webhook")
    headers = new["capabilities"]["webhooks"][_CONTENT]["headers"]
    headers[0] = {"header_name": "x-api-key", "header_value": "s3cr3t-other"}
    headers.append({"header_name": "X-More", "header_value": "s3cr3t-more"})
    assert _diff(_base("webhook"), new) == [
        ("header", "sends the header x-api-key with ContentEvent with another value", False),
        ("header", "sends the new header x-more with ContentEvent", False),
    ]
    assert _diff(new, _base("webhook"))[-1] == (
        "header",
        "no longer sends the header x-more with ContentEvent",
        False,
    )


def test_retries_given_as_zero_differ_from_none_given() -> None:
    zero, unsaid = _base("webhook"), _base("webhook")
    zero["capabilities"]["webhooks"][_CONTENT]["max_retries"] = 0
    del unsaid["capabilities"]["webhooks"][_CONTENT]["max_retries"]
    assert _diff(unsaid, zero) == [("retry", "has ContentEvent retried never (was as by default)", False)]


def test_retention() -> None:
    new = _base("webhook")
    new["capabilities"]["webhooks"]["retry"] = {"retention_time": 3600}
    sentence = "has undelivered events kept for 3600 seconds (was no time)"
    assert _diff(_base("webhook"), new) == [("retry", sentence, False)]


def test_engagement_value_by_value() -> None:
    new = _base("engagement")
    engagement = new["capabilities"]["engagement"]
    engagement["consumer_identity"] = ["auth", "unauth"]
    engagement["design_window"] = False
    engagement["design_engagement"] = True
    engagement["goal"] = ["url"]
    assert _diff(_base("engagement"), new) == [
        ("engagement", "switches design_engagement on", True),
        ("engagement", "uses url for goal", True),
        ("engagement", "uses unauth for consumer_identity", True),
        ("engagement", "switches design_window off", False),
        ("engagement", "no longer uses lead for goal", False),
    ]


def test_engagement_that_comes_and_goes() -> None:
    without = _base("engagement")
    without["capabilities"]["engagement"] = None
    assert _diff(_base("engagement"), without) == [("engagement", "no longer offers engagements", False)]
    assert _diff(without, _base("engagement"))[0] == ("engagement", "offers engagements to visitors", True)


def test_launch_and_switch() -> None:
    new = _base("user")
    new["entry_uri"] = "https://b.example/"
    new["quick_launch_enabled"] = False
    new["enabled"] = True
    assert _diff(_base("user"), new) == [
        ("entry_uri", "is launched at https://b.example/ (was https://app.example.com/)", True),
        ("enabled", "is switched on", True),
        ("entry_uri", "disappears from the quick-launch menu", False),
    ]


def test_texts_and_logo() -> None:
    old = {"client_name": "a", "display_name": "One", "display_name#fr": "Un", "description": "d"}
    new = {
        "client_name": "a",
        "display_name": "Two\u2060",
        "display_name#de": "Zwei",
        "logo_uri": "https://a.example/l.png",
    }
    assert _diff(old, new) == [
        ("text", 'has "Two\\u2060" as display_name (was "One")', False),
        ("text", 'has "Zwei" as display_name#de', False),
        ("text", "no longer has a display_name#fr", False),
        ("text", "no longer has a description", False),
        ("logo", 'has "https://a.example/l.png" as logo_uri', False),
    ]


def test_unknown_members_change_without_being_shown() -> None:
    old, new = _base("webhook"), _base("webhook")
    old |= {"x-secret": "s3cr3t", "$schema": "a"}
    new |= {"x-secret": "s3cr3t2", "$schema": "b"}
    old["capabilities"]["broadcast"] = {"enabled": True}
    new["capabilities"]["webhooks"]["x-a"] = 1
    new["capabilities"]["webhooks"][_CONTENT]["x-b"] = 1
    assert _diff(old, new) == [
        ("other", 'changes "/$schema", which has no effect on the platform', False),
        ("other", 'changes "/x-secret", which has no effect on the platform', False),
        ("other", 'changes "/capabilities/broadcast", which has no effect on the platform', False),
        ("other", 'changes "/capabilities/webhooks/x-a", which has no effect on the platform', False),
        (
            "other",
            f'changes "/capabilities/webhooks/{_CONTENT}/x-b", which has no effect on the platform',
            False,
        ),
    ]


def _settled(value: JsonValue) -> str:
    """A form that is equal for documents which differ only in order, in letter case, or in what says nothing."""
    if isinstance(value, dict) and "header_name" in value:
        return repr((value["header_name"], value.get("header_value"))).lower()
    if isinstance(value, dict):
        said = {key: item for key, item in value.items() if item is not None and (key, item) != ("retention_time", 0)}
        settled = {key.lower(): _settled(item) for key, item in said.items()}
        return str(sorted((key, text) for key, text in settled.items() if text != "[]"))
    if isinstance(value, list):
        return str(sorted(_settled(item) for item in value))
    return repr(value).lower()


_VALID = [case.document for case in cases() if check_value(case.document).valid]


@given(st.data())
@settings(max_examples=400)
def test_documents_that_differ_have_changes_and_equal_ones_none(data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(_VALID))
    old, new = check_value(one).manifest, check_value(data.draw(mutated_documents([one]))).manifest
    assert old is not None
    if new is None:
        return
    changes = diff(old, new)
    kept = {} if old.enabled is None or new.enabled is not None else {"enabled": old.enabled}
    if _settled(dict(old.document)) != _settled({**new.document, **kept}):  # an update need not say enabled again
        assert changes
    if old.document == new.document:
        assert not changes
    assert all(change.sentence.isprintable() for change in changes)


def test_change_is_rendered_with_its_kind() -> None:
    assert Change("scope", "asks for the scope x", widens=True).to_json() == {
        "kind": "scope",
        "sentence": "asks for the scope x",
        "widens": True,
    }


def test_signing_in_and_out_is_said_at_the_first_installation() -> None:
    told = [(one.kind, one.sentence, one.widens) for one in diff(None, _manifest(_base("sso")))]
    assert [one for one in told if one[0] in {"authentication", "logout"}] == [
        ("authentication", "brings public keys of its own", True),
        ("logout", "lets sign-outs return to the new address https://app.example.com/out", True),
        ("logout", "is told of sign-outs at app.example.com", True),
        ("authentication", "proves who it is by private_key_jwt (was client_secret_basic)", False),
        ("authentication", "wants id_tokens signed with ES256", False),
        ("logout", "wants to be told which session ended", False),
    ]


def test_changes_of_signing_in_and_out() -> None:
    old, new = _base("sso"), _base("sso")
    del new["jwks"], new["backchannel_logout_session_required"], new["id_token_signed_response_alg"]
    new["jwks_uri"] = "https://keys.example.com/jwks?token=s3cr3t"
    new["post_logout_redirect_uris"] = ["https://evil.example/out"]
    new["backchannel_logout_uri"] = "https://evil.example/logout?token=s3cr3t"
    assert _diff(old, new) == [
        ("authentication", "has its public keys at keys.example.com", True),
        ("logout", "lets sign-outs return to the new address https://evil.example/out", True),
        ("logout", "is told of sign-outs at evil.example (was app.example.com)", True),
        ("authentication", "no longer brings public keys", False),
        ("authentication", "wants id_tokens signed as by default", False),
        ("logout", "no longer lets sign-outs return to https://app.example.com/out", False),
        ("logout", "no longer wants to be told which session ended", False),
    ]
    assert ("authentication", "no longer has public keys at an address", False) in _diff(new, old)


def test_other_keys_and_no_proof_at_all_widen() -> None:
    new = _base("sso")
    new["jwks"]["keys"].pop()
    assert _diff(_base("sso"), new) == [
        ("authentication", "changes the public keys that it proves who it is with", True)
    ]
    new = _base("sso")
    new["token_endpoint_auth_method"] = "none"
    assert _diff(_base("sso"), new) == [
        ("authentication", "does not prove who it is any more (was private_key_jwt)", True)
    ]


def test_asking_for_all_conversations_widens() -> None:
    hook = {"ms.MessagingEventNotification.ContentEvent": {"endpoint": "https://h.example/a"}}
    own = {"client_name": "a", "scope": "msg.consumer", "capabilities": {"webhooks": hook}}
    every = {**own, "capabilities": {"webhooks": {**hook, "conversations": "all"}}}
    assert _diff(own, every) == [("event", "asks for the events of all conversations of the account", True)]
    assert _diff(every, own) == [("event", "no longer asks for the events of all conversations of the account", False)]
    assert _diff(own, {**own, "capabilities": {"webhooks": {**hook, "conversations": "own"}}}) == []


def test_the_order_of_retries_is_told() -> None:
    hook = {"ms.MessagingEventNotification.ContentEvent": {"endpoint": "https://h.example/a", "max_retries": 1}}
    strict = {"client_name": "a", "scope": "msg.consumer", "capabilities": {"webhooks": hook}}
    loose = {**strict, "capabilities": {"webhooks": {**hook, "retry": {"ordering": "best_effort"}}}}
    assert _diff(strict, loose) == [("retry", "lets later events overtake one that waits to be tried again", False)]
    assert _diff(loose, strict) == [("retry", "has later events wait behind one that waits to be tried again", False)]


def test_saying_the_default_method_is_no_change() -> None:
    new = {**_base("user"), "token_endpoint_auth_method": "client_secret_basic"}
    assert _diff(_base("user"), new) == []

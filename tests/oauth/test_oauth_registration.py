"""Client metadata: what goes into a manifest, what is kept beside it, what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.infra.web import json_bytes
from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.public import check_text, check_value
from switchbay.oauth.protocol.rfc7591_registration import (
    LARGEST_BODY,
    Metadata,
    RegistrationRefused,
    check_update,
    describe,
    merge,
    read_members,
    read_metadata,
    refusal_of,
)

REDIRECTS: JsonValue = ["https://app.example.org/callback"]
PLAIN: dict[str, JsonValue] = {"client_name": "Order desk", "redirect_uris": REDIRECTS}


def read(**members: JsonValue) -> Metadata:
    """Sort metadata with these members besides the plain ones."""
    return read_metadata({**PLAIN, **members})


def refusal(**members: JsonValue) -> tuple[str, str]:
    """The error and the description with which metadata is refused."""
    with pytest.raises(RegistrationRefused) as refused:
        read(**members)
    assert refused.value.status == 400
    return refused.value.error, refused.value.description


def echo(metadata: Metadata) -> dict[str, JsonValue]:
    """What the answer would show."""
    return describe(metadata.manifest, metadata.kept)


def test_plain_metadata_is_a_manifest_for_the_authorization_code() -> None:
    metadata = read()
    assert metadata == Metadata({**PLAIN, "grant_types": ["authorization_code"], "response_types": ["code"]}, {})
    assert check_value(dict(metadata.manifest)).manifest is not None


def test_the_answer_names_the_defaults() -> None:
    assert echo(read()) == {
        **PLAIN,
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "client_secret_basic",
    }


def test_texts_in_languages_go_where_their_plain_ones_go() -> None:
    texts: dict[str, JsonValue] = {
        "client_name#fr": "Bureau des commandes",
        "logo_uri": "https://app.example.org/logo.png",
        "logo_uri#ja": "https://app.example.org/logo-ja.png",
        "tos_uri": "https://app.example.org/terms",
        "tos_uri#fr": "https://app.example.org/conditions",
        "redirect_uris#fr": ["https://app.example.org/fr"],
        "tos_uri#<script>": "https://app.example.org/x",
    }
    metadata = read(**texts)
    assert metadata.manifest["client_name#fr"] == "Bureau des commandes"
    assert metadata.manifest["logo_uri#ja"] == "https://app.example.org/logo-ja.png"
    assert metadata.kept == {name: texts[name] for name in ("tos_uri", "tos_uri#fr")}
    assert {name for name in echo(metadata) if "#" in name} == {"client_name#fr", "logo_uri#ja", "tos_uri#fr"}


def test_what_only_describes_the_client_is_kept_and_given_back() -> None:
    members: dict[str, JsonValue] = {
        "contacts": ["ada@example.org"],
        "client_uri": "https://app.example.org",
        "policy_uri": "https://app.example.org/privacy",
        "software_id": "4NRB1-0XZABZI9E6-5SM3R",
        "software_version": "2.2",
        "application_type": "native",
        "subject_type": "public",
        "require_auth_time": True,
        "token_endpoint_auth_signing_alg": "ES256",
    }
    assert read(**members).kept == members
    assert echo(read(**members)).items() >= members.items()


def test_members_that_nobody_knows_are_left_out() -> None:
    assert read(frobnicate=1, client_id="mine", client_secret="mine", capabilities={"webhooks": {}}) == read()


def test_the_launch_address_is_the_manifests_entry() -> None:
    metadata = read(initiate_login_uri="https://app.example.org/launch")
    assert metadata.manifest["entry_uri"] == "https://app.example.org/launch"
    assert echo(metadata)["initiate_login_uri"] == "https://app.example.org/launch"
    assert "entry_uri" not in echo(metadata)


def test_the_standard_scopes_stay_out_of_the_manifest_and_come_back_in_the_answer() -> None:
    metadata = read(scope="openid msg.consumer profile openid")
    assert (metadata.manifest["scope"], metadata.kept) == ("msg.consumer", {"scope": "openid profile"})
    assert echo(metadata)["scope"] == "openid profile msg.consumer"
    assert "scope" not in read(scope="openid").manifest
    assert "scope" not in echo(read(scope=""))


# Flows


@pytest.mark.parametrize(
    ("grants", "types", "manifest_grants", "shown"),
    [
        (None, None, ["authorization_code"], (["authorization_code"], ["code"])),
        ([], [], ["authorization_code"], (["authorization_code"], ["code"])),
        (["client_credentials"], None, ["client_credentials"], (["client_credentials"], [])),
        (["implicit"], ["id_token"], ["authorization_code"], (["implicit"], ["id_token"])),
        (None, ["token id_token"], ["authorization_code"], (["implicit"], ["id_token token"])),
        (
            ["authorization_code", "refresh_token", "implicit"],
            ["code", "id_token"],
            ["authorization_code", "refresh_token"],
            (["authorization_code", "refresh_token", "implicit"], ["code", "id_token"]),
        ),
    ],
)
def test_grant_and_response_types_that_fit_are_taken(
    grants: JsonValue, types: JsonValue, manifest_grants: list[str], shown: tuple[list[str], list[str]]
) -> None:
    metadata = read(grant_types=grants, response_types=types)
    assert metadata.manifest["grant_types"] == manifest_grants
    answer = echo(metadata)
    assert (answer["grant_types"], answer["response_types"]) == shown


@pytest.mark.parametrize(
    ("grants", "types"),
    [
        (["authorization_code"], ["token"]),
        (["authorization_code"], ["code", "id_token"]),
        (["client_credentials"], ["code"]),
        (["implicit"], None),
        (["implicit"], ["code"]),
        (["authorization_code", "implicit"], ["code"]),
        (["refresh_token"], None),
        (["client_credentials", "refresh_token"], []),
        ("authorization_code", None),
        ([7], None),
        (None, "code"),
    ],
)
def test_grant_and_response_types_that_do_not_fit_are_refused(grants: JsonValue, types: JsonValue) -> None:
    assert refusal(grant_types=grants, response_types=types)[0] == "invalid_client_metadata"


# What is not done here


@pytest.mark.parametrize(
    "name",
    [
        "id_token_encrypted_response_alg",
        "id_token_encrypted_response_enc",
        "userinfo_encrypted_response_alg",
        "userinfo_signed_response_alg",
        "request_object_signing_alg",
        "request_object_encryption_alg",
        "sector_identifier_uri",
        "authorization_signed_response_alg",
        "introspection_encrypted_response_enc",
        "tls_client_auth_subject_dn",
    ],
)
def test_what_the_server_does_not_do_is_refused(name: str) -> None:
    assert refusal(**{name: "RS256"}) == ("invalid_client_metadata", f"{name} is not supported here.")


@pytest.mark.parametrize("name", ["require_signed_request_object", "dpop_bound_access_tokens"])
def test_a_promise_that_the_server_does_not_keep_is_refused_and_its_absence_is_not(name: str) -> None:
    assert refusal(**{name: True}) == ("invalid_client_metadata", f"{name} is not supported here.")
    assert read(**{name: False}) == read()


def test_an_empty_list_of_request_objects_does_no_harm() -> None:
    assert read(request_uris=[]) == read()
    assert refusal(request_uris=["https://app.example.org/r"])[0] == "invalid_client_metadata"


def test_a_software_statement_is_refused() -> None:
    assert refusal(software_statement="e30.e30.e30")[0] == "unapproved_software_statement"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject_type", "pairwise"),
        ("subject_type", 5),
        ("application_type", "desktop"),
        ("token_endpoint_auth_signing_alg", "HS256"),
        ("token_endpoint_auth_signing_alg", "none"),
        ("token_endpoint_auth_signing_alg", ["RS256"]),
        ("require_auth_time", "yes"),
        ("contacts", "ada@example.org"),
        ("contacts", [5]),
        ("contacts", ["a"] * 21),
        ("tos_uri", "javascript:alert(1)"),
        ("tos_uri#fr", "data:text/html,x"),
        ("policy_uri", "https://"),
        ("client_uri", "https://exa mple.org"),
        ("client_uri", "https://[x"),
        ("client_uri", 5),
        ("software_id", ""),
        ("software_version", "x" * 2_049),
        ("software_version", "a\x00b"),
        ("scope", ["openid"]),
        ("scope", 5),
    ],
)
def test_a_member_with_a_value_that_it_cannot_have_is_refused(name: str, value: JsonValue) -> None:
    assert refusal(**{name: value})[0] == "invalid_client_metadata"


# Texts


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{",
        b'{"a":1,"a":2}',
        b"\xff",
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b"[" * 40 + b"]" * 40,
        b'{"a":' + b"[" * 13 + b"]" * 13 + b"}",
        b'{"a":"' + b"x" * LARGEST_BODY + b'"}',
    ],
)
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(RegistrationRefused) as refused:
        read_members(body)
    assert (refused.value.status, refused.value.error) == (400, "invalid_client_metadata")


def test_a_null_is_as_good_as_nothing() -> None:
    assert read_members(b'{"client_name":null,"scope":"openid"}') == {"scope": "openid"}


def test_descriptions_are_plain_ascii() -> None:
    refused = refusal_of([("/redirect_uris/0", 'The "address" \\ is no good: \u00e9\n' + "x" * 900)])
    assert refused.description.startswith("redirect_uris: The 'address' / is no good: ??xxx")
    assert len(refused.description) == 600


@pytest.mark.parametrize(
    ("paths", "error"),
    [
        (["/redirect_uris"], "invalid_redirect_uri"),
        (["/scope", "/redirect_uris/3"], "invalid_redirect_uri"),
        (["/post_logout_redirect_uris/0"], "invalid_client_metadata"),
        (["/redirect_uris_of_mine"], "invalid_client_metadata"),
        ([], "invalid_client_metadata"),
    ],
)
def test_findings_about_redirect_uris_have_a_word_of_their_own(paths: list[str], error: str) -> None:
    assert refusal_of((path, "Bad.") for path in paths).error == error


# Updates


def test_an_update_names_its_client_and_nothing_that_only_the_server_says() -> None:
    check_update({"client_id": "mine"}, "mine")
    wrong: list[dict[str, JsonValue]] = [
        {},
        {"client_id": "yours"},
        {"client_id": ["mine"]},
        {"client_id": "mine", "registration_access_token": "x"},
        {"client_id": "mine", "registration_client_uri": "x"},
        {"client_id": "mine", "client_id_issued_at": 1},
        {"client_id": "mine", "client_secret_expires_at": 0},
    ]
    for members in wrong:
        with pytest.raises(RegistrationRefused):
            check_update(members, "mine")


def test_an_update_replaces_what_can_be_registered_and_leaves_the_rest() -> None:
    stored: dict[str, JsonValue] = {
        "client_name": "Order desk",
        "client_name#fr": "Bureau",
        "description": "Takes orders",
        "redirect_uris": REDIRECTS,
        "entry_uri": "https://app.example.org/launch",
        "scope": "msg.consumer",
        "quick_launch_enabled": True,
        "capabilities": {"broadcast": {"enabled": True}},
        "x-team": {"name": "crew"},
    }
    wanted = read_metadata(
        {"redirect_uris": ["https://app.example.org/new"], "initiate_login_uri": "https://a.example"}
    )
    assert merge(stored, wanted) == {
        "client_name": "Order desk",
        "redirect_uris": ["https://app.example.org/new"],
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "entry_uri": "https://a.example",
        "quick_launch_enabled": True,
        "capabilities": {"broadcast": {"enabled": True}},
        "x-team": {"name": "crew"},
    }


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
_NAMES = st.sampled_from(
    ["client_name", "client_name#fr", "grant_types", "response_types", "scope", "jwks", "contacts", "tos_uri#fr"]
) | st.text(max_size=12)


@given(members=st.dictionaries(_NAMES, _VALUES, max_size=6))
def test_any_metadata_is_read_or_refused_and_nothing_worse(members: dict[str, JsonValue]) -> None:
    outcome, description = "read", ""
    try:
        metadata = read_metadata(read_members(json.dumps(members).encode()))
        manifest = check_text(json_bytes({"client_name": "x", **metadata.manifest})).manifest
        json_bytes(describe({} if manifest is None else manifest.document, metadata.kept))
    except RegistrationRefused as refused:
        outcome = refused.error
        description = refused.description
    assert description.isascii()
    assert outcome in {"read", "invalid_client_metadata", "unapproved_software_statement"}

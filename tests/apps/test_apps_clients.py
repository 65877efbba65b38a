"""Apps as OAuth clients: members of registration, texts by language, and what existing clients see of them."""

from typing import Any

import pytest

from support.apps_house import BRAND, MANAGEMENT, AppsHouse
from switchbay.accounts.public import OPERATOR
from switchbay.apps.domain.clients import Client
from switchbay.apps.public import localise

KEY = {"kty": "EC", "crv": "P-256", "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp"}
SIGN_ON: dict[str, Any] = {
    "client_name": "com.example.web",
    "client_name#fr": "com.example.toile",
    "display_name": "Orders",
    "display_name#fr": "Commandes",
    "description": "Shows orders",
    "grant_types": ["authorization_code"],
    "redirect_uris": ["https://app.example.com/cb"],
    "logo_uri": "https://app.example.com/logo.png",
    "quick_launch_enabled": True,
    "entry_uri": "https://app.example.com/launch",
    "post_logout_redirect_uris": ["https://app.example.com/out"],
    "backchannel_logout_uri": "https://app.example.com/logout",
    "backchannel_logout_session_required": True,
    "token_endpoint_auth_method": "private_key_jwt",
    "jwks": {"keys": [KEY]},
    "id_token_signed_response_alg": "ES256",
}
NEW_MEMBERS = {
    "post_logout_redirect_uris",
    "backchannel_logout_uri",
    "backchannel_logout_session_required",
    "token_endpoint_auth_method",
    "jwks",
    "jwks_uri",
    "id_token_signed_response_alg",
}


async def client_of(house: AppsHouse, app_id: str) -> Client:
    """The app as the authorization server finds it."""
    client = await house.apps.find_client(BRAND, app_id)
    assert client is not None
    return client


async def install_sign_on(house: AppsHouse) -> dict[str, Any]:
    """Install the web application and return what the app-install API answered."""
    answer = await house.call("POST", "", SIGN_ON)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_client_has_all_that_single_sign_on_needs_of_it(house: AppsHouse) -> None:
    app = await install_sign_on(house)
    client = await client_of(house, app["id"])
    assert (client.display_name, client.description) == ("Orders", "Shows orders")
    assert client.localised == {"client_name#fr": "com.example.toile", "display_name#fr": "Commandes"}
    assert (client.logo_uri, client.entry_uri) == (SIGN_ON["logo_uri"], SIGN_ON["entry_uri"])
    assert client.quick_launch_enabled
    assert client.post_logout_redirect_uris == ("https://app.example.com/out",)
    assert client.backchannel_logout_uri == "https://app.example.com/logout"
    assert client.backchannel_logout_session_required
    assert (client.token_endpoint_auth_method, client.is_public) == ("private_key_jwt", False)
    assert (client.jwks, client.jwks_uri) == ({"keys": [KEY]}, None)
    assert client.id_token_signed_response_alg == "ES256"
    assert client.created_at == house.clock.now_ms()


async def test_an_app_that_says_none_of_it_is_a_confidential_client_with_a_secret(house: AppsHouse) -> None:
    client = await client_of(house, (await house.install(display_name=None))["id"])
    assert client.display_name == client.client_name
    assert (client.token_endpoint_auth_method, client.is_public) == ("client_secret_basic", False)
    assert (client.jwks, client.post_logout_redirect_uris, client.backchannel_logout_uri) == (None, (), None)
    assert client.id_token_signed_response_alg is None


async def test_a_client_can_be_a_key(house: AppsHouse) -> None:
    client = await client_of(house, (await install_sign_on(house))["id"])
    assert {client: 1}[client] == 1


async def test_a_public_client_says_so(house: AppsHouse) -> None:
    public = {**SIGN_ON, "token_endpoint_auth_method": "none", "jwks": None}
    app = (await house.call("POST", "", public)).json()
    assert (await client_of(house, app["id"])).is_public


async def test_all_clients_of_an_account_are_listed_the_oldest_first(house: AppsHouse) -> None:
    one, two, gone = [await house.install(client_name=name) for name in ("one", "two", "gone")]
    await house.apps.set_enabled(BRAND, two["id"], OPERATOR, enabled=False)
    await house.apps.uninstall(BRAND, gone["id"], OPERATOR)
    clients = await house.apps.list_clients(BRAND)
    assert {(client.client_id, client.enabled) for client in clients} == {(one["id"], True), (two["id"], False)}
    assert await client_of(house, one["id"]) in clients


async def test_the_app_install_api_shows_the_new_members_only_to_those_who_gave_them(house: AppsHouse) -> None:
    plain = await house.install()
    assert NEW_MEMBERS.isdisjoint(plain)
    shown = await install_sign_on(house)
    assert {name: shown[name] for name in NEW_MEMBERS if name in shown} == {
        name: value for name, value in SIGN_ON.items() if name in NEW_MEMBERS
    }
    listed = {app["id"]: app for app in (await house.call("GET", "")).json()}
    assert {*listed[plain["id"]]} == {*plain}


async def test_what_was_listed_can_be_written_back(house: AppsHouse) -> None:
    shown = await install_sign_on(house)
    before = await client_of(house, shown["id"])
    answer = await house.call("PUT", f"/{shown['id']}", shown, headers={"If-Match": "*"})
    assert answer.status_code == 200
    assert await client_of(house, shown["id"]) == before


async def test_a_private_key_is_refused_and_not_shown(house: AppsHouse) -> None:
    manifest = {**SIGN_ON, "jwks": {"keys": [{**KEY, "d": "swordfish"}]}}
    answer = await house.call("POST", MANAGEMENT, manifest)
    (issue,) = [each for each in answer.json()["error"]["detail"]["report"]["issues"] if each["severity"] == "error"]
    assert (answer.status_code, issue["code"], issue["path"]) == (400, "private_key", "/jwks/keys/0/d")
    assert "swordfish" not in answer.text
    assert await house.apps.list_clients(BRAND) == []


def named(**members: Any) -> Client:
    """A client with texts."""
    nothing: frozenset[str] = frozenset()
    client_name = members.pop("client_name", "com.example.app")
    members.setdefault("display_name", client_name)
    return Client("1", "a", "a", client_name, True, nothing, nothing, (), nothing, **members)


@pytest.mark.parametrize(
    ("locales", "text"),
    [
        ((), "Orders"),
        (("fr-CA", "de"), "Commandes"),
        (("FR",), "Commandes"),
        (("de", "pt-BR-x-own"), "Pedidos"),
        (("de",), "Orders"),
        (("x" * 10_000, "\ud800", ""), "Orders"),
    ],
)
def test_a_text_is_found_by_the_readers_languages(locales: tuple[str, ...], text: str) -> None:
    localised = {"display_name#fr": "Commandes", "display_name#pt-BR": "Pedidos", "client_name#de": "Bestellungen"}
    assert localise(named(display_name="Orders", localised=localised), "display_name", locales) == text


def test_without_a_display_name_the_client_name_is_shown_in_the_readers_language() -> None:
    client = named(localised={"client_name#fr": "com.example.appli"})
    assert localise(client, "display_name", ("fr",)) == "com.example.appli"
    assert localise(client, "display_name", ("de",)) == "com.example.app"


def test_other_texts_are_empty_where_there_are_none() -> None:
    client = named(description="Shows orders")
    assert localise(client, "description", ("fr",)) == "Shows orders"
    assert localise(named(), "description", ("fr",)) == ""
    assert localise(named(), "homepage", ("fr",)) == ""

"""Client certificates over real connections to servers that ask for them."""

import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.certs import Authority, make_authority
from support.forward_proxy import ForwardProxy
from support.receiver import Receiver
from switchbay.infra.egress import BadIdentity, Egress, Identity, Outcome
from switchbay.infra.egress.resolver import system_lookup

_REFUSED = {"tls", "connection_closed"}
"""A server of TLS 1.3 refuses after the handshake, and may cut the connection before its reason has been read."""


@pytest.fixture
async def egress(authority: Authority) -> AsyncIterator[Egress]:
    door = Egress(("127.0.0.0/8",), authority.ca_file)
    yield door
    await door.close()


@pytest.fixture
async def receiver(authority: Authority) -> AsyncIterator[Receiver]:
    async with Receiver(authority, context=authority.demanding_context("localhost")) as running:
        yield running


async def _post(egress: Egress, url: str, identity: Identity | None = None) -> Outcome:
    return await egress.post(
        url, (), b"{}", connect_seconds=30, response_seconds=30, response_bytes=100, identity=identity
    )


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_server_that_demands_a_certificate_is_shown_it(
    egress: Egress, authority: Authority, newest: ssl.TLSVersion
) -> None:
    context = authority.demanding_context("localhost")
    context.maximum_version = newest
    async with Receiver(authority, context=context) as receiver:
        identity = await egress.load_identity("one", *authority.client_pair("bot"))
        outcome = await _post(egress, receiver.url(), identity)
    assert (outcome.status, outcome.failure) == (200, None)
    assert [request.client for request in receiver.requests] == ["bot"]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("is_shown", [False, True])
async def test_without_a_certificate_or_with_a_strangers_the_call_fails(
    egress: Egress, authority: Authority, tmp_path: Path, newest: ssl.TLSVersion, is_shown: bool
) -> None:
    context = authority.demanding_context("localhost")
    context.maximum_version = newest
    wrong = await egress.load_identity("wrong", *make_authority(tmp_path).client_pair("bot"))
    async with Receiver(authority, context=context) as receiver:
        outcome = await _post(egress, receiver.url(), wrong if is_shown else None)
    assert outcome.failure in _REFUSED
    assert (outcome.status, receiver.requests) == (None, [])


async def test_a_server_that_does_not_ask_is_shown_nothing(egress: Egress, authority: Authority) -> None:
    identity = await egress.load_identity("one", *authority.client_pair("bot"))
    async with Receiver(authority) as receiver:
        outcome = await _post(egress, receiver.url(), identity)
    assert (outcome.status, receiver.requests[0].client) == (200, None)


async def test_a_connection_is_shared_by_calls_with_the_same_certificate_only(
    egress: Egress, authority: Authority
) -> None:
    context = authority.demanding_context("localhost")
    context.verify_mode = ssl.CERT_OPTIONAL
    one = await egress.load_identity("one", *authority.client_pair("bot-1"))
    two = await egress.load_identity("two", *authority.client_pair("bot-2"))
    async with Receiver(authority, context=context) as receiver:
        for identity in (one, two, None, one, two, None):
            assert (await _post(egress, receiver.url(), identity)).status == 200
    assert [(request.client, request.connection) for request in receiver.requests] == [
        ("bot-1", 1),
        ("bot-2", 2),
        (None, 3),
        ("bot-1", 1),
        ("bot-2", 2),
        (None, 3),
    ]


async def test_with_a_certificate_the_server_must_still_prove_its_name(authority: Authority, tmp_path: Path) -> None:
    egress = Egress(("127.0.0.0/8",), make_authority(tmp_path).ca_file)
    identity = await egress.load_identity("one", *authority.client_pair("bot"))
    async with Receiver(authority, context=authority.demanding_context("localhost")) as receiver:
        outcome = await _post(egress, receiver.url(), identity)
    await egress.close()
    assert (outcome.failure, outcome.status, receiver.requests) == ("tls", None, [])


async def test_a_certificate_is_shown_through_a_proxy(authority: Authority) -> None:
    async with (
        Receiver(authority, context=authority.demanding_context("hook.example")) as receiver,
        ForwardProxy(receiver.port) as proxy,
    ):
        egress = Egress(
            (),
            authority.ca_file,
            proxy=proxy.url(),
            lookup=lambda host, port: ["93.184.216.34"] if host == "hook.example" else system_lookup(host, port),
        )
        identity = await egress.load_identity("one", *authority.client_pair("bot"))
        outcome = await _post(egress, "https://hook.example/", identity)
        await egress.close()
    assert (outcome.status, [request.client for request in receiver.requests]) == (200, ["bot"])


async def test_what_tls_cannot_use_is_refused(egress: Egress, authority: Authority) -> None:
    chain, key = authority.client_pair("bot")
    _, other = authority.client_pair("other")
    for bad in ((chain, other), (b"nothing", key), (chain, b"nothing"), (b"", b"")):
        with pytest.raises(BadIdentity):
            await egress.load_identity("bad", *bad)


async def test_the_key_is_neither_shown_nor_left_behind(
    egress: Egress, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    chain, key = authority.client_pair("bot")
    identity = await egress.load_identity("one", chain, key)
    with pytest.raises(BadIdentity):
        await egress.load_identity("bad", chain, authority.client_pair("other")[1])
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - the names are all that counts
    assert repr(identity) == "Identity(name='one')"

"""An endpoint that asks who calls, behind the operator's proxy: from the settings to the signed webhook."""

import base64
from pathlib import Path
from typing import Any

from support.certs import Authority
from support.forward_proxy import ForwardProxy
from support.node import ACCOUNT, running_node
from support.receiver import Receiver
from switchbay.kit.signatures import sign

ADDRESS = "93.184.216.34"
"""Public, and called by nobody: the proxy leads every tunnel to the receiver."""
CONTENT = "ms.MessagingEventNotification.ContentEvent"


async def test_a_webhook_goes_through_the_proxy_with_the_apps_certificate(
    tmp_path: Path, database_url: str, authority: Authority
) -> None:
    context = authority.demanding_context(ADDRESS)
    async with (
        Receiver(authority, context=context) as receiver,
        ForwardProxy(receiver.port) as proxy,
        running_node(
            tmp_path / "data",
            database_url,
            egress_ca_file=authority.ca_file,
            egress_proxy=proxy.url("bay:secret@"),
            webhook_retry_seconds=0.1,
        ) as node,
    ):
        admin = await node.login()
        webhook: dict[str, Any] = {"endpoint": f"https://{ADDRESS}/events", "max_retries": 5}
        manifest = {
            "client_name": "secured",
            "grant_types": ["client_credentials"],
            "scope": "msg.consumer",
            "enabled": True,
            "capabilities": {"webhooks": {CONTENT: webhook}},
        }
        app = await node.install(manifest, admin)
        chain, key = authority.client_pair("bay")
        answer = await node.client.put(
            f"/switchbay/v1/accounts/{ACCOUNT}/apps/{app['id']}/client-certificates/{CONTENT}",
            json={"certificate": chain.decode(), "private_key": key.decode()},
            headers=admin,
        )
        assert answer.status_code == 200, answer.text
        consumer = await node.consumer_headers(await node.app_token(app))
        conversation = await node.open_conversation(consumer)
        await node.say(consumer, conversation, "Hello")
        [request] = await receiver.wait_for(1, seconds=30)
    assert (request.client, request.headers["host"]) == ("bay", ADDRESS)
    assert request.headers["x-liveperson-signature"] == sign(
        app["client_secret"].encode(), request.body, "sha1", "base64"
    )
    assert proxy.asked == [f"CONNECT {ADDRESS}:443 HTTP/1.1"]
    assert base64.b64encode(b"bay:secret") in proxy.heads[0]

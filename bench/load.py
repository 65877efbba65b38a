"""The load generator: a connector that opens conversations and sends messages into them, as fast as asked.

Prints one JSON line: how many were accepted, how long it took, the latencies of the POST itself, and its own CPU time.
"""

import argparse
import asyncio
import json
import resource
import time
from pathlib import Path

import uvloop
from pyreqwest.client import Client, ClientBuilder


class _Conversation:
    def __init__(self, headers: dict[str, str], conversation_id: str) -> None:
        self.headers = headers
        self.conversation_id = conversation_id


async def _json(client: Client, method: str, url: str, headers: dict[str, str], body: object) -> object:
    request = client.request(method, url).headers(headers)
    answer = await request.body_bytes(json.dumps(body).encode()).build().send()
    text = await answer.text()
    if answer.status >= 300:
        raise SystemExit(f"{method} {url} answered {answer.status}: {text}")
    return json.loads(text)


async def _open(client: Client, given: argparse.Namespace, token: str, number: int) -> _Conversation:
    account, base = given.account, given.server
    json_type = {"content-type": "application/json"}
    identity = await _json(
        client,
        "POST",
        f"{base}/api/account/{account}/consumer?v=1.0",
        {"authorization": token, **json_type},
        {"ext_consumer_id": f"bench-{number}"},
    )
    assert isinstance(identity, dict)
    headers = {"authorization": token, "x-lp-on-behalf": identity["token"], **json_type}
    answers = await _json(
        client,
        "POST",
        f"{base}/api/account/{account}/messaging/consumer/conversation?v=3",
        headers,
        [
            {"kind": "req", "id": "1", "type": "userprofile.SetUserProfile", "body": {}},
            {"kind": "req", "id": "2", "type": "cm.ConsumerRequestConversation", "body": {"brandId": account}},
        ],
    )
    assert isinstance(answers, list)
    return _Conversation(headers, answers[1]["body"]["conversationId"])


async def _run(given: argparse.Namespace, authority: bytes) -> dict[str, object]:
    builder = ClientBuilder().add_root_certificate_pem(authority).no_proxy()
    async with builder.build() as client:
        form = f"grant_type=client_credentials&client_id={given.client_id}&client_secret={given.client_secret}"
        answer = await (
            client.post(f"{given.server}/sentinel/api/account/{given.account}/app/token?v=1.0")
            .headers({"content-type": "application/x-www-form-urlencoded"})
            .body_text(form)
            .build()
            .send()
        )
        token = (await answer.json())["access_token"]
        conversations = [await _open(client, given, token, number) for number in range(given.conversations)]
        url = f"{given.server}/api/account/{given.account}/messaging/consumer/conversation/send?v=3"
        print("opened", flush=True)
        return await _send(client, given, url, conversations)


async def _send(
    client: Client, given: argparse.Namespace, url: str, conversations: list[_Conversation]
) -> dict[str, object]:
    latencies: list[float] = []
    accepted: list[int] = []
    failed: dict[str, int] = {}
    taken = 0
    begun = time.monotonic()
    filler = "x" * given.size

    async def one(number: int) -> None:
        conversation = conversations[number % len(conversations)]
        at = time.monotonic_ns()
        body = (
            f'{{"kind":"req","id":"{number}","type":"ms.PublishEvent","body":{{"dialogId":'
            f'"{conversation.conversation_id}","event":{{"type":"ContentEvent","contentType":"text/plain",'
            f'"message":"bench {at} {filler}"}}}}}}'
        )
        try:
            answer = await client.post(url).headers(conversation.headers).body_text(body).build().send()
            await answer.bytes()
            status = str(answer.status)
        except Exception as error:  # noqa: BLE001 - a soak kills the server on purpose; failures are counted
            status = type(error).__name__
        if status == "200":
            latencies.append((time.monotonic_ns() - at) / 1e6)
            accepted.append(at)
        else:
            failed[status] = failed.get(status, 0) + 1

    async def worker() -> None:
        nonlocal taken
        while taken < given.messages:
            number = taken
            taken += 1
            if given.rate:
                wait = begun + number / given.rate - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
            await one(number)

    await asyncio.gather(*(worker() for _ in range(given.concurrency)))
    seconds = time.monotonic() - begun
    if given.accepted:
        given.accepted.write_text(json.dumps(accepted))
    usage = resource.getrusage(resource.RUSAGE_SELF)
    ordered = sorted(latencies) or [0.0]
    return {
        "accepted": len(latencies),
        "failed": failed,
        "seconds": round(seconds, 3),
        "post_p50_ms": round(ordered[len(ordered) // 2], 2),
        "post_p95_ms": round(ordered[int(len(ordered) * 0.95)], 2),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
    }


def main() -> None:
    """Run once and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--ca", required=True)
    parser.add_argument("--account", required=True)
    parser.add_argument("--client-id", required=True)
    parser.add_argument("--client-secret", required=True)
    parser.add_argument("--conversations", type=int, default=200)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rate", type=float, default=0, help="messages a second; 0: as fast as they are taken")
    parser.add_argument("--accepted", type=Path, help="write the stamps of accepted messages here")
    parser.add_argument("--size", type=int, default=100, help="characters in each message")
    given = parser.parse_args()
    print(json.dumps(uvloop.run(_run(given, Path(given.ca).read_bytes()))), flush=True)


if __name__ == "__main__":
    main()

"""How many tokens one process issues, beside the bare signatures of the same machine; what a code costs; how much
memory ten thousand issuers take."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from bench.stage import ACCOUNT, Stage

_CLIENTS = 50
_FORM = {"content-type": "application/x-www-form-urlencoded"}
_CALLBACK = "https://app.example.com/callback"


def bare_signatures() -> dict[str, float]:
    """Signatures a second of one thread that does nothing else."""
    message, sha = b"x" * 500, hashes.SHA256()
    by_rsa, by_curve = rsa.generate_private_key(65_537, 2_048), ec.generate_private_key(ec.SECP256R1())
    pkcs1, ecdsa = padding.PKCS1v15(), ec.ECDSA(sha)
    return {
        "rsa_2048_signatures_per_second": _rate(lambda: by_rsa.sign(message, pkcs1, sha)),
        "p256_signatures_per_second": _rate(lambda: by_curve.sign(message, ecdsa)),
    }


def _rate(sign: Callable[[], bytes]) -> int:
    count, begun = 0, time.perf_counter()
    while time.perf_counter() - begun < 2:
        for _ in range(50):
            sign()
        count += 50
    return round(count / (time.perf_counter() - begun))


def tokens(stage: Stage, count: int) -> dict[str, Any]:
    """Tokens a second by each algorithm, for many clients; every request makes a new one."""
    bearer = {"Authorization": f"Bearer {stage.log_in()}"}
    clients = [_install(stage, bearer, number) for number in range(_CLIENTS)]
    figures: dict[str, Any] = {"bare": bare_signatures()}
    for alg, bare in (("RS256", "rsa_2048_signatures_per_second"), ("ES256", "p256_signatures_per_second")):
        stage.call("PATCH", f"/switchbay/v1/accounts/{ACCOUNT}/oauth-policy", {"token_algorithm": alg}, bearer)
        requests = [
            {
                "method": "POST",
                "url": f"{stage.server_url}/oidc/{ACCOUNT}/token",
                "headers": _FORM,
                "body": urlencode(
                    {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
                ),
            }
            for client_id, secret in clients
        ]
        time.sleep(2)  # until the policy of before is forgotten
        _send(stage, requests, 500)
        figures[alg] = _send(stage, requests, count)
        figures[alg]["share_of_bare_signatures"] = round(figures[alg]["per_second"] / figures["bare"][bare], 2)
    stage.call("PATCH", f"/switchbay/v1/accounts/{ACCOUNT}/oauth-policy", {"token_algorithm": "RS256"}, bearer)
    return figures


def codes(stage: Stage, count: int) -> dict[str, Any]:
    """Authorization requests of a user with a session, each answered with a code."""
    session = stage.log_in()
    bearer = {"Authorization": f"Bearer {session}"}
    manifest = {
        "client_name": "bench-web",
        "display_name": "Bench",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "redirect_uris": [_CALLBACK],
        "scope": "msg.consumer",
        "enabled": True,
    }
    app = stage.call("POST", f"/switchbay/v1/accounts/{ACCOUNT}/apps", manifest, bearer)
    client_id = app["app"]["id"]
    stage.call("POST", f"/switchbay/v1/accounts/{ACCOUNT}/consents", {"app": client_id}, bearer)
    query = urlencode(
        {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": _CALLBACK,
            "scope": "openid",
            "state": "s",
            "nonce": "n",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        }
    )
    url = f"{stage.server_url}/oidc/{ACCOUNT}/authorize?{query}"
    requests = [{"method": "GET", "url": url, "headers": {"cookie": f"__Host-switchbay_{ACCOUNT}={session}"}}]
    _send(stage, requests, 200)
    return _send(stage, requests, count)


def _install(stage: Stage, bearer: dict[str, str], number: int) -> tuple[str, str]:
    manifest = {
        "client_name": f"bench-{number}",
        "grant_types": ["client_credentials"],
        "scope": "msg.consumer",
        "enabled": True,
    }
    app = stage.call("POST", f"/switchbay/v1/accounts/{ACCOUNT}/apps", manifest, bearer)
    return app["app"]["id"], app["client_secret"]


def _send(stage: Stage, requests: list[dict[str, Any]], count: int) -> dict[str, Any]:
    before, _ = stage.usage()
    run = subprocess.run(
        [sys.executable, "-m", "bench.requests", "--ca", str(stage.ca), "--count", str(count)],
        input="\n".join(map(json.dumps, requests)),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(run.stdout)
    after, resident = stage.usage()
    return {
        **result,
        "server_cpu_ms_each": round((after - before) * 1000 / result["count"], 3),
        "server_resident_mb": round(resident),
    }


def inside(count: int, bare: dict[str, float]) -> dict[str, Any]:
    """Tokens a second of one process that is called without sockets, measured in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.inside", "--count", str(count)], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    share = result["RS256"] / bare["rsa_2048_signatures_per_second"]
    return {**result, "RS256_share_of_bare_signatures": round(share, 2)}


def issuers(count: int) -> dict[str, Any]:
    """The memory of a node with so many accounts whose keys have all been used, measured in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.issuers", "--count", str(count)], capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    return result

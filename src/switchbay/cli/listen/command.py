"""The command ``listen``: options in, lines out."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from switchbay.cli import servers
from switchbay.cli.configuration import load_settings
from switchbay.cli.listen.plan import Failure, FailurePlan
from switchbay.cli.listen.receiver import Delivery, Receiver
from switchbay.cli.output import JsonFlag, note, plain, when
from switchbay.infra.machine import SystemClock
from switchbay.infra.tls import authority_file, ensure_certificate, server_context
from switchbay.kit.errors import AppError, Kind

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_ANY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not listened on


def listen(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 9443,
    name: Annotated[
        list[str] | None, typer.Option("--name", help="Another host name for the certificate; may be repeated.")
    ] = None,
    secret: Annotated[
        list[str] | None,
        typer.Option(
            "--secret",
            envvar="SWITCHBAY_CLIENT_SECRET",
            help="Client secret that signs the webhooks; may be repeated. Without one signatures are not checked.",
        ),
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(help="File with the client secret; keeps it out of the process list.")
    ] = None,
    fail_first: Annotated[int, typer.Option(min=0, help="Fail the first N attempts of each delivery.")] = 0,
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="Fail this share of all attempts, 0 to 1.")] = 0.0,
    status: Annotated[
        int | None, typer.Option(min=200, max=599, help="Status of failed deliveries; alone: of all deliveries.")
    ] = None,
    hang: Annotated[bool, typer.Option("--hang", help="Fail by never answering.")] = False,
    redirect: Annotated[bool, typer.Option("--redirect", help="Fail by redirecting (302).")] = False,
    delay: Annotated[str, typer.Option(help="Wait before each answer: 3s, 250ms.")] = "0s",
    count: Annotated[int, typer.Option(min=0, help="Stop after N attempts; 0 listens until stopped.")] = 0,
    show_body: Annotated[bool, typer.Option("--body", help="Print the body of each delivery as well.")] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Folder whose local authority issues the certificate.")] = None,
    json_output: JsonFlag = False,
) -> None:
    """Receive webhooks over https, check their signatures and show them.

    Answers 200 to deliveries that are signed with the secret and 401 to others, or fails on purpose. With --count it
    exits with 1 when a signature was wrong.

    \b
    Examples:
      switchbay listen --secret-file secret.txt
      switchbay listen --port 9443 --fail-first 2 --status 503
      switchbay listen --delay 3s --json | jq .event
      switchbay listen --hang
    """
    del context
    secrets = [*(secret or []), *_secret_of(secret_file)]
    plan = _plan(status, fail_first, fail_rate, _seconds(delay), hang=hang, redirect=redirect)
    folder = load_settings(data_dir=data_dir).data_dir
    names = list(dict.fromkeys([*_LOCAL_NAMES, *([] if host in _ANY_ADDRESS else [host]), *(name or [])]))
    tls = server_context(ensure_certificate(folder, names, "listen"))
    console = Console(highlight=False, soft_wrap=True)
    stop = asyncio.Event()
    seen: list[str] = []

    def tell(delivery: Delivery) -> None:
        if json_output:
            typer.echo(json.dumps(delivery.to_json()))
        else:
            console.print(render(delivery))
            if show_body:
                console.print(Text("    " + plain(delivery.body)))
        if count:
            seen.append(delivery.signature)
            if len(seen) >= count:
                stop.set()

    async def run() -> None:
        sockets = servers.open_sockets(host, port)
        shown_host = "localhost" if host in (*_ANY_ADDRESS, *_LOCAL_NAMES) else host
        note(f"listening on https://{shown_host}:{sockets[0].getsockname()[1]}/ (any path)")
        note(f"senders must trust {authority_file(folder).resolve()}; a Switchbay server on this host also needs")
        note("SWITCHBAY_EGRESS_ALLOW=127.0.0.0/8,::1/128 to call a private address")
        if not secrets:
            note("no --secret given: signatures are shown as unchecked")
        app = Receiver(secrets, plan, SystemClock(), tell).app
        with servers.stop_on_signals(stop):
            await servers.serve_until([servers.Site(app, sockets, tls)], stop, grace_seconds=2)

    servers.run_async(run())
    if any(signature in {"bad", "missing"} for signature in seen):
        raise typer.Exit(1)


def render(delivery: Delivery) -> Text:
    """One line for one attempt of a delivery."""
    words = {
        "ok": ("signature ok", "green"),
        "bad": ("BAD SIGNATURE", "bold red"),
        "missing": ("NO SIGNATURE", "bold red"),
        "unchecked": ("signature unchecked", "yellow"),
    }
    latency = "-" if delivery.latency_ms is None else f"{delivery.latency_ms} ms"
    answered = "no answer" if isinstance(delivery.answer, str) else str(delivery.answer)
    line = Text(when(delivery.received_at)[11:] + "  ", style="dim")
    line.append(f"{plain(delivery.event):<30}", style="bold")
    line.append(f" attempt {delivery.attempt}  {latency:>8}  ", style="default")
    line.append(*words[delivery.signature])
    line.append(f"  -> {answered}", style="green" if delivery.answer in {200, 201} else "yellow")
    line.append(f"  {plain(delivery.summary)}", style="default")
    return line


def _secret_of(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        return [path.read_text("utf-8").strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise AppError(Kind.INVALID, "secret_file_unreadable", f"Cannot read the secret in {path}.") from error


def _seconds(text: str) -> float:
    number, unit = (text[:-2], 0.001) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
    try:
        seconds = float(number) * unit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:  # noqa: PLR2004 - an hour; also refuses nan
        raise typer.BadParameter(f"{text!r} is not a time such as 3s or 250ms, of at most an hour.")
    return seconds


def _plan(
    status: int | None, first: int, rate: float, delay_seconds: float, *, hang: bool, redirect: bool
) -> FailurePlan:
    ways = [
        way
        for way, asked in (
            (Failure.STATUS, status is not None),
            (Failure.HANG, hang),
            (Failure.REDIRECT, redirect),
        )
        if asked
    ]
    if len(ways) > 1:
        raise typer.BadParameter("Choose one of --status, --hang and --redirect.")
    return FailurePlan(ways[0] if ways else None, 500 if status is None else status, first, rate, delay_seconds)

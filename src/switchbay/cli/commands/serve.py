"""The command ``serve``: migrate, listen, serve until told to stop."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import structlog
import typer

from switchbay.cli import servers
from switchbay.cli.configuration import DatabaseUrl, DataDir, load_settings
from switchbay.cli.local import migrate_database, prepare_data_dir
from switchbay.cli.output import JsonFlag
from switchbay.infra.log import configure_logging
from switchbay.infra.settings import Settings
from switchbay.infra.tls import authority_file, ensure_certificate, load_certificate, server_context
from switchbay.kit.errors import AppError, Kind

_RENEWAL_SECONDS = 6 * 3600
_GRACE_SECONDS = 10
_LAST_WRITES_SECONDS = 5
_log = structlog.get_logger("serve")
app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def serve(
    role: Annotated[
        list[str] | None,
        typer.Option(
            help="What this node does: api (answers HTTP), dispatcher (sends webhooks) or all; repeatable"
            " (SWITCHBAY_ROLES)."
        ),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (SWITCHBAY_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of all services; 0 takes a free one (SWITCHBAY_PORT).")
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(min=-1, max=65535, help="Port of the directory over plain http; -1: off (SWITCHBAY_HTTP_PORT)."),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    no_migrate: Annotated[
        bool, typer.Option("--no-migrate", help="Do not bring the database to the current schema first.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Start the server.

    Settings come from the environment and switchbay.toml; the options here win over both. The address is printed once
    requests are taken. SIGTERM or Ctrl-C ends the server gracefully; a second one ends it at once.

    \b
    Examples:
      switchbay serve
      switchbay serve --host 0.0.0.0 --port 8443
      switchbay serve --port 0 --http-port 0 --json
      switchbay serve --database-url postgresql://bay@db.internal/bay
      switchbay serve --role dispatcher --database-url postgresql://bay@db.internal/bay
    """
    settings = load_settings(
        roles=",".join(role) if role else None,
        host=host,
        port=port,
        http_port=http_port,
        data_dir=data_dir,
        database_url=database_url,
    )
    configure_logging(settings.log_level, settings.log_format)
    prepare_data_dir(settings)
    sockets = servers.open_sockets(settings.host, settings.port)
    directory_sockets = (
        []
        if settings.http_port < 0 or not settings.answers
        else servers.open_sockets(settings.host, settings.http_port)
    )
    # From here on the settings name the ports that were really taken.
    settings = settings.model_copy(
        update={
            "port": sockets[0].getsockname()[1],
            "http_port": directory_sockets[0].getsockname()[1] if directory_sockets else -1,
        }
    )
    if not no_migrate:
        migrate_database(settings)
    tls = _tls_context(settings)

    from switchbay import assembly  # noqa: PLC0415 - loads every room, which the other commands do not need
    from switchbay.cli.partner import start_partner  # noqa: PLC0415 - as above

    partner = start_partner(settings, [*sockets, *directory_sockets]) if settings.has_two_processes else None

    async def run() -> None:
        stop = asyncio.Event()
        if partner is None:
            platform = await assembly.build(settings)
        else:
            platform = await assembly.build(
                settings.as_role("api"), vault=partner.vault, link=partner.link, turns=partner.turns
            )
            await partner.open(on_loss=stop.set)
        try:
            await platform.start()
            sites = [servers.Site(platform.app, sockets, tls, settings.trusted_proxies, sockets_at=platform.sockets)]
            if directory_sockets:
                sites.append(servers.Site(platform.directory_app, directory_sockets, None, settings.trusted_proxies))
            async with _renewing(tls, settings):
                with servers.stop_on_signals(stop):
                    _greet(settings, as_json=json_output)
                    await servers.serve_until(sites, stop, _GRACE_SECONDS)
        finally:
            if partner is not None:
                await partner.end(_GRACE_SECONDS + _LAST_WRITES_SECONDS)
            await platform.stop()
        if partner is not None and partner.is_lost:
            raise AppError(
                Kind.UNAVAILABLE, "delivery_process_lost", "The process that sends webhooks ended by itself."
            )

    servers.run_async(run())


def _certificate_files(settings: Settings) -> tuple[Path, Path | None] | None:
    if settings.tls == "off":
        return None
    if settings.tls == "local":
        return ensure_certificate(settings.data_dir, settings.tls_hosts), None
    if settings.tls_certificate_file is None:
        raise AppError(
            Kind.INVALID, "tls_certificate_missing", "With tls set to files, tls_certificate_file must be set."
        )
    return settings.tls_certificate_file, settings.tls_key_file


def _tls_context(settings: Settings) -> ssl.SSLContext | None:
    files = _certificate_files(settings)
    return None if files is None else server_context(*files)


def renew_certificate(context: ssl.SSLContext, settings: Settings) -> None:
    """Put the current certificate into a running server's context, after issuing it anew where that is due."""
    files = _certificate_files(settings)
    if files is not None:
        load_certificate(context, *files)


@contextlib.asynccontextmanager
async def _renewing(context: ssl.SSLContext | None, settings: Settings) -> AsyncIterator[None]:
    """Keep the certificate of a long-running server fresh: look a few times a day."""
    if context is None:
        yield
        return

    async def renew() -> None:
        while True:
            await asyncio.sleep(_RENEWAL_SECONDS)
            try:
                await asyncio.to_thread(renew_certificate, context, settings)
            except (AppError, OSError) as error:  # the old one may still be good for a while; the log says why
                _log.error("certificate not renewed", reason=str(error))

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _greet(settings: Settings, *, as_json: bool) -> None:
    """Say where the server is; the sockets are open, so requests that come now wait and are answered."""
    scheme = "http" if settings.tls == "off" else "https"
    address = f"{scheme}://{settings.public_address}"
    directory = None
    if settings.http_port >= 0:
        host = urlsplit(address).hostname or "localhost"
        directory = f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"
    ca_file = str(authority_file(settings.data_dir).resolve()) if settings.tls == "local" else None
    if as_json:
        told = {"address": address, "directory": directory, "ca_file": ca_file, "roles": list(settings.roles)}
        print(json.dumps(told), flush=True)
        return
    what = f"serves {address}" if settings.answers else f"sends webhooks; its state is at {address}/readyz"
    lines = [f"Switchbay {what} (listening on {settings.host}, port {settings.port})"]
    if directory:
        lines.append(f"directory over plain http: {directory}")
    if ca_file:
        lines.append(f"clients must trust: {ca_file}")
    print("\n".join(lines), flush=True)

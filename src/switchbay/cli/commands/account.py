"""The commands ``account …``: accounts of this host, by its operator, directly on the database."""

from typing import Annotated, Literal

import typer

from switchbay.accounts.public import Account, AccountChange, render_account
from switchbay.cli.configuration import DatabaseUrl, DataDir, load_settings
from switchbay.cli.local import open_accounts, this_operator
from switchbay.cli.output import JsonFlag, print_fields, print_json, print_table, when
from switchbay.cli.servers import run_async

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
AccountId = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Account id.")]


@app.callback()
def accounts_group() -> None:
    """Make and change accounts, on this host's database.

    \b
    Examples:
      switchbay account create 4711001 --name "Example Ltd"
      switchbay account list
    """


@app.command("create")
def create(
    account: AccountId,
    name: Annotated[str | None, typer.Option(help="Name for people; the id when left out.")] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Make an account.

    \b
    Examples:
      switchbay account create 4711001 --name "Example Ltd"
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def make() -> Account:
        async with open_accounts(settings) as accounts:
            return await accounts.create_account(account, name or account, this_operator())

    _show(run_async(make()), json_output)


@app.command("list")
def list_accounts(data_dir: DataDir = None, database_url: DatabaseUrl = None, json_output: JsonFlag = False) -> None:
    """List the accounts.

    \b
    Examples:
      switchbay account list --json
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def read() -> list[Account]:
        async with open_accounts(settings) as accounts:
            return await accounts.list_accounts()

    found = run_async(read())
    if json_output:
        print_json([render_account(account) for account in found])
        return
    print_table(
        ("ACCOUNT", "NAME", "CREATED"),
        [(account.account_id, account.name, when(account.created_at)) for account in found],
    )


@app.command("show")
def show(
    account: AccountId, data_dir: DataDir = None, database_url: DatabaseUrl = None, json_output: JsonFlag = False
) -> None:
    """Show an account and its settings.

    \b
    Examples:
      switchbay account show 4711001
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)

    async def read() -> Account:
        async with open_accounts(settings) as accounts:
            return await accounts.get_account(account)

    _show(run_async(read()), json_output)


@app.command("set")
def change(
    account: AccountId,
    name: Annotated[str | None, typer.Option(help="Name for people.")] = None,
    signature_algorithm: Annotated[
        Literal["sha1", "sha256"] | None, typer.Option(help="Signature of webhooks.")
    ] = None,
    signature_encoding: Annotated[
        Literal["base64", "hex"] | None, typer.Option(help="Encoding of the signature.")
    ] = None,
    standard_webhooks: Annotated[
        Literal["off", "v1", "v1a"] | None,
        typer.Option(help="Standard Webhooks headers beside it: none, by HMAC, or by HMAC and Ed25519."),
    ] = None,
    reveal_client_secret: Annotated[
        bool | None,
        typer.Option(
            "--reveal-client-secret/--hide-client-secret", help="Whether installs can be listed with their secret."
        ),
    ] = None,
    messaging: Annotated[
        bool | None, typer.Option("--messaging/--no-messaging", help="Whether messaging is on.")
    ] = None,
    webhook_breaker: Annotated[
        bool | None,
        typer.Option(
            "--webhook-breaker/--no-webhook-breaker", help="Whether retries by number pause while nobody is there."
        ),
    ] = None,
    disable_slow_webhooks: Annotated[
        bool | None,
        typer.Option(
            "--disable-slow-webhooks/--keep-slow-webhooks",
            help="Whether an endpoint that stays slow is called no more.",
        ),
    ] = None,
    survey_app: Annotated[
        str | None,
        typer.Option(help="Id of the app whose bot asks consumers after a conversation; empty: no survey."),
    ] = None,
    survey_seconds: Annotated[
        int | None, typer.Option(metavar="SECONDS", help="How long a survey may take before it is closed.")
    ] = None,
    auto_close_seconds: Annotated[
        int | None,
        typer.Option(metavar="SECONDS", help="Silence after which a conversation is closed; 0: never."),
    ] = None,
    history_days: Annotated[
        int | None,
        typer.Option(metavar="DAYS", help="How long conversations that are over are kept; 0: for ever."),
    ] = None,
    file_total_bytes: Annotated[
        int | None,
        typer.Option(metavar="BYTES", help="What all files may have together; 0: what the server allows."),
    ] = None,
    web_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ORIGIN",
            help="Origin whose pages may use the web messenger, * for any; repeatable. An empty one: none.",
        ),
    ] = None,
    agent_capacity: Annotated[
        int | None,
        typer.Option(metavar="COUNT", help="Conversations that an agent gets at once who has no number of their own."),
    ] = None,
    requeue_on_disconnect: Annotated[
        bool | None,
        typer.Option(
            "--requeue-on-disconnect/--keep-on-disconnect",
            help="Whether the conversations of an agent who went away are given to others.",
        ),
    ] = None,
    ttr: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=SECONDS", help="Response target of URGENT, NORMAL or PRIORITIZED; repeatable."),
    ] = None,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
    json_output: JsonFlag = False,
) -> None:
    """Change settings of an account. A running server follows within two seconds.

    \b
    Examples:
      switchbay account set 4711001 --signature-algorithm sha256 --signature-encoding hex
      switchbay account set 4711001 --standard-webhooks v1
      switchbay account set 4711001 --web-origin https://www.example.com
      switchbay account set 4711001 --ttr URGENT=120 --ttr NORMAL=1200
    """
    settings = load_settings(data_dir=data_dir, database_url=database_url)
    wanted = AccountChange(
        name=name,
        signature_algorithm=signature_algorithm,
        signature_encoding=signature_encoding,
        standard_webhooks=standard_webhooks,
        reveal_client_secret=reveal_client_secret,
        messaging_enabled=messaging,
        webhook_breaker=webhook_breaker,
        disable_slow_webhooks=disable_slow_webhooks,
        survey_app=survey_app,
        survey_seconds=survey_seconds,
        auto_close_seconds=auto_close_seconds,
        history_days=history_days,
        file_total_bytes=file_total_bytes,
        agent_capacity=agent_capacity,
        requeue_on_disconnect=requeue_on_disconnect,
        web_origins=[origin for origin in web_origin if origin] if web_origin else None,
        ttr_seconds=_targets(ttr),
    )

    async def update() -> Account:
        async with open_accounts(settings) as accounts:
            return await accounts.update_account(account, wanted, this_operator())

    _show(run_async(update()), json_output)


def _targets(given: list[str] | None) -> dict[str, int] | None:
    if not given:
        return None
    targets: dict[str, int] = {}
    for pair in given:
        name, separator, seconds = pair.partition("=")
        if not separator or not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):  # noqa: PLR2004
            raise typer.BadParameter(f"{pair!r} is not NAME=SECONDS.")
        targets[name] = int(seconds)
    return targets


def _show(account: Account, as_json: bool) -> None:
    if as_json:
        print_json(render_account(account))
        return
    print_fields(
        [
            ("account", account.account_id),
            ("name", account.name),
            ("created", when(account.created_at)),
            ("signatures", f"{account.signature_algorithm}, {account.signature_encoding}"),
            ("Standard Webhooks", account.standard_webhooks),
            ("webhook breaker", "on" if account.webhook_breaker else "off"),
            ("slow webhooks", "disabled" if account.disable_slow_webhooks else "reported"),
            ("client secrets", "can be listed" if account.reveal_client_secret else "shown once"),
            ("messaging", "on" if account.messaging_enabled else "off"),
            ("survey", f"{account.survey_app}, {account.survey_seconds} s" if account.survey_app else "none"),
            ("closed when idle", f"after {account.auto_close_seconds} s" if account.auto_close_seconds else "never"),
            ("history", f"{account.history_days} days" if account.history_days else "kept for ever"),
            (
                "files",
                f"at most {account.file_total_bytes} bytes" if account.file_total_bytes else "as the server allows",
            ),
            ("agent capacity", account.agent_capacity),
            ("agent disconnects", "back to the queue" if account.requeue_on_disconnect else "conversations stay"),
            ("web messenger", ", ".join(account.web_origins) or "off"),
            ("targets", ", ".join(f"{name} {seconds} s" for name, seconds in account.ttr_seconds.items())),
        ]
    )

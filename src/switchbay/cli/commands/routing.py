"""The commands ``skill …``, ``agent …`` and ``queue``: who gets which conversation, and what waits."""

from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands.apps.group import Yes, confirm
from switchbay.cli.connection import (
    AccountOption,
    CaFileOption,
    Connection,
    ServerOption,
    UserOption,
    connected,
)
from switchbay.cli.output import JsonFlag, mapping, note, objects, plain, print_fields, print_json, print_table, when
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
skills = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
agents = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
app.add_typer(skills, name="skill")
app.add_typer(agents, name="agent")

SkillArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the skill, as the list shows it.")]
_MINUTE = 60


@skills.callback()
def skills_group() -> None:
    """Look after the skills of an account.

    \b
    Examples:
      switchbay skill create Billing
      switchbay skill list
    """


@skills.command("list")
def list_skills(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the skills of the account.

    \b
    Examples:
      switchbay skill list
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/skills"))
    if json_output:
        print_json(answer)
        return
    rows = [
        (one.get("skill_id"), one.get("name"), one.get("description"), when(one.get("created_at")))
        for one in objects(answer.get("items"))
    ]
    print_table(("id", "name", "description", "made"), rows)


@skills.command("create")
def create_skill(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name for people, unique in the account.")],
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Make a skill.

    \b
    Examples:
      switchbay skill create Billing --description "Invoices and refunds"
    """
    body: dict[str, JsonValue] = {"name": name, "description": description}
    with connected(server, account, user, ca_file) as connection:
        _show_skill(mapping(connection.call("POST", "/skills", body=body)), json_output)


@skills.command("update")
def update_skill(
    skill: SkillArgument,
    name: Annotated[str | None, typer.Option(help="New name.")] = None,
    description: Annotated[str | None, typer.Option(help="New description.")] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Rename or describe a skill.

    \b
    Examples:
      switchbay skill update 3 --name "Billing, Europe"
    """
    body: dict[str, JsonValue] = {}
    if name is not None:
        body["name"] = name
    if description is not None:
        body["description"] = description
    with connected(server, account, user, ca_file) as connection:
        _show_skill(mapping(connection.call("PATCH", f"/skills/{segment(skill)}", body=body)), json_output)


@skills.command("delete")
def delete_skill(
    skill: SkillArgument,
    yes: Yes = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Delete a skill that no agent has and no open conversation asks for.

    \b
    Examples:
      switchbay skill delete 3 --yes
    """
    with connected(server, account, user, ca_file) as connection:
        confirm(f"Delete the skill {plain(skill)}?", yes=yes)
        connection.call("DELETE", f"/skills/{segment(skill)}")
    if json_output:
        print_json({"skill_id": skill, "deleted": True})
        return
    note(f"{plain(skill)}: deleted")


def _show_skill(skill: dict[str, JsonValue], as_json: bool) -> None:
    if as_json:
        print_json(skill)
        return
    print_fields(
        [("skill", skill.get("name")), ("id", skill.get("skill_id")), ("description", skill.get("description") or None)]
    )


@agents.callback()
def agents_group() -> None:
    """See what agents do, and set what they are given.

    \b
    Examples:
      switchbay agent list
      switchbay agent set anna --skill 1 --skill 3 --capacity 5
    """


@agents.command("list")
def list_agents(
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """List the agents of the account: how they are, what they have, what they may have.

    \b
    Examples:
      switchbay agent list
    """
    with connected(server, account, user, ca_file) as connection:
        found = _all_agents(connection)
        names = {one.get("skill_id"): one.get("name") for one in objects(_items(connection, "/skills"))}
    if json_output:
        print_json(found)
        return
    rows = [
        (
            one.get("user_id"),
            one.get("login_name"),
            one.get("availability"),
            "yes" if one.get("is_connected") else "no",
            f"{one.get('load')} + {one.get('ringing')} of {one.get('capacity')}",
            ", ".join(str(names.get(each, each)) for each in _list(one.get("skills"))) or "any",
        )
        for one in found
    ]
    print_table(("id", "login", "state", "connected", "has + rings", "skills"), rows)


@agents.command("set")
def set_agent(
    login: Annotated[str, typer.Argument(metavar="LOGIN", help="Login name or user id of the agent.")],
    skill: Annotated[
        list[str] | None, typer.Option("--skill", help="Id of a skill they have; repeatable, replaces those before.")
    ] = None,
    no_skills: Annotated[bool, typer.Option("--no-skills", help="Take every skill away: they get everything.")] = False,
    capacity: Annotated[
        str | None,
        typer.Option(metavar="COUNT", help="Conversations they are given at once; 'account' for the account's number."),
    ] = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Set the skills of an agent, or how many conversations they are given at once.

    \b
    Examples:
      switchbay agent set anna --skill 1 --skill 3
      switchbay agent set anna --no-skills --capacity account
    """
    body: dict[str, JsonValue] = {}
    if no_skills or skill:
        if no_skills and skill:
            raise typer.BadParameter("Give --skill or --no-skills.")
        body["skills"] = [*(skill or [])]
    if capacity is not None:
        body["capacity"] = _capacity(capacity)
    with connected(server, account, user, ca_file) as connection:
        found = next((one for one in _all_agents(connection) if login in {one["login_name"], one["user_id"]}), None)
        if found is None:
            raise AppError(Kind.NOT_FOUND, "agent_not_found", "The account has no agent with this name or id.")
        answer = mapping(connection.call("PATCH", f"/agents/{segment(str(found['user_id']))}", body=body))
    if json_output:
        print_json(answer)
        return
    print_fields(
        [
            ("agent", answer.get("login_name")),
            ("id", answer.get("user_id")),
            ("state", answer.get("availability")),
            ("skills", ", ".join(map(str, _list(answer.get("skills")))) or "any"),
            ("capacity", answer.get("capacity")),
        ]
    )


def _capacity(text: str) -> int | None:
    if text == "account":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):  # noqa: PLR2004 - far more than is allowed
        raise typer.BadParameter(f"{text!r} is neither a number nor 'account'.")
    return int(text)


@app.command("queue")
def show_queue(
    limit: Annotated[int, typer.Option(min=1, max=200, help="Most conversations to show.")] = 50,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Show the conversations that wait for an agent, the next one first.

    \b
    Examples:
      switchbay queue
      switchbay queue --limit 5 --json | jq .waiting
    """
    with connected(server, account, user, ca_file) as connection:
        answer = mapping(connection.call("GET", "/queue", query=[("limit", str(limit))]))
    if json_output:
        print_json(answer)
        return
    items = objects(answer.get("items"))
    rows = [
        (
            one.get("conversation_id"),
            one.get("skill") or one.get("skill_id"),
            _span(one.get("waiting_ms")),
            when(one.get("weight")),
            "rings" if one.get("rings_at") else "offered" if one.get("suggested_to") else "waits",
        )
        for one in items
    ]
    print_table(("conversation", "skill", "waits for", "answer until", "state"), rows)
    note(f"{len(items)} of {answer.get('waiting')}")


def _span(ms: JsonValue) -> str:
    seconds = ms // 1_000 if isinstance(ms, int) else 0
    return f"{seconds} s" if seconds < 2 * _MINUTE else f"{seconds // _MINUTE} min"


def _items(connection: Connection, path: str) -> JsonValue:
    return mapping(connection.call("GET", path)).get("items")


def _all_agents(connection: Connection) -> list[dict[str, JsonValue]]:
    found: list[dict[str, JsonValue]] = []
    query: list[tuple[str, str]] = []
    while True:
        page = mapping(connection.call("GET", "/agents", query=query))
        found.extend(objects(page.get("items")))
        following = page.get("next_cursor")
        if not isinstance(following, str):
            return found
        query = [("cursor", following)]


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []

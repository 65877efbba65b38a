"""The commands ``message …``: speak for a consumer through the Send API, or as an agent through the agents' door."""

from pathlib import Path
from typing import Annotated

import typer

from switchbay.cli.client import segment
from switchbay.cli.commands import message_files
from switchbay.cli.commands.message_options import (
    AsAgentFlag,
    ClientIdOption,
    ConsumerOption,
    ConversationOption,
    sign_in,
)
from switchbay.cli.connection import AccountOption, CaFileOption, ServerOption, UserOption, connected
from switchbay.cli.connector import text_event
from switchbay.cli.output import JsonFlag, mapping, print_fields, print_json
from switchbay.kit.jsonvalue import JsonValue

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)


@app.callback()
def message_group() -> None:
    """Send messages, as a connector or as an agent.

    \b
    Examples:
      switchbay message send "Hello" --client-id 3f0c… --consumer kim
      switchbay message send-file picture.png --client-id 3f0c… --consumer kim
    """


app.command("send-file")(message_files.send_file)
app.command("get-file")(message_files.get_file)


@app.command("send")
def send(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to say.")],
    conversation: ConversationOption = None,
    as_agent: AsAgentFlag = False,
    consumer: ConsumerOption = "switchbay-cli",
    client_id: ClientIdOption = None,
    close: Annotated[bool, typer.Option("--close", help="Close the conversation afterwards.")] = False,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Send a text into a conversation.

    As a connector it takes the client secret from SWITCHBAY_CLIENT_SECRET or asks for it, gets the tokens, and opens a
    conversation if none is named. With --as-agent it joins the conversation as the logged-in user.

    \b
    Examples:
      switchbay message send "Hello" --client-id 3f0c… --consumer kim
      switchbay message send "One more thing" --client-id 3f0c… --consumer kim --conversation 7f0c…
      switchbay message send "How can I help?" --as-agent --conversation 7f0c…
    """
    if as_agent:
        if conversation is None:
            raise typer.BadParameter("An agent needs --conversation.")
        answer = _as_agent(server, account, user, ca_file, conversation, text, close=close)
    else:
        connector = sign_in(server, account, ca_file, client_id, consumer)
        if conversation is None:
            conversation, sequence = connector.open(text)
        else:
            sequence = connector.say(conversation, text)
        if close:
            connector.close(conversation)
        answer = {"conversation": conversation, "sequence": sequence}
    if json_output:
        print_json(answer)
        return
    print_fields(list(answer.items()))


def _as_agent(
    server: str | None,
    account: str | None,
    user: str | None,
    ca_file: Path | None,
    conversation: str,
    text: str,
    *,
    close: bool,
) -> dict[str, JsonValue]:
    path = f"/conversations/{segment(conversation)}"
    with connected(server, account, user, ca_file) as connection:
        connection.call("POST", f"{path}/join")
        published = mapping(connection.call("POST", f"{path}/events", body=text_event(text)))
        if close:
            connection.call("POST", f"{path}/close")
    return {"conversation": conversation, "sequence": published.get("sequence")}

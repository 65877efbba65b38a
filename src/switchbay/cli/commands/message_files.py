"""The commands ``message send-file`` and ``message get-file``."""

from pathlib import Path
from typing import Annotated, Final

import typer

from switchbay.cli.client import LARGEST_FILE_BYTES, segment
from switchbay.cli.commands.message_options import (
    AsAgentFlag,
    ClientIdOption,
    ConsumerOption,
    ConversationOption,
    sign_in,
)
from switchbay.cli.connection import AccountOption, CaFileOption, Connection, ServerOption, UserOption, connected
from switchbay.cli.connector import file_event, read_address
from switchbay.cli.output import JsonFlag, mapping, print_fields, print_json
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue

_UNKNOWN_TYPE: Final = "TXT"


def send_file(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to send.")],
    caption: Annotated[str, typer.Option(help="What to say with it.")] = "",
    conversation: ConversationOption = None,
    as_agent: AsAgentFlag = False,
    consumer: ConsumerOption = "switchbay-cli",
    client_id: ClientIdOption = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Upload a file and send it into a conversation.

    Who speaks is chosen as in message send. The end of the file's name says what it is; the server looks for itself.

    \b
    Examples:
      switchbay message send-file picture.png --client-id 3f0c… --consumer kim
      switchbay message send-file bill.pdf --caption "Your bill" --as-agent --conversation 7f0c…
    """
    content, file_type = _read(path), path.suffix[1:].upper() or _UNKNOWN_TYPE
    if as_agent:
        if conversation is None:
            raise typer.BadParameter("An agent needs --conversation.")
        with connected(server, account, user, ca_file) as connection:
            answer = _send_as_agent(connection, conversation, content, file_type, caption)
    else:
        connector = sign_in(server, account, ca_file, client_id, consumer)
        relative_path = connector.upload(content, file_type)
        if conversation is None:
            conversation, _ = connector.open()
        sequence = connector.publish(conversation, file_event(relative_path, file_type, caption))
        answer = {"conversation": conversation, "sequence": sequence, "path": relative_path}
    _show(answer, as_json=json_output)


def get_file(
    relative_path: Annotated[str, typer.Argument(metavar="PATH", help="The relativePath of the file's event.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to put it; what is there stays.")],
    as_agent: AsAgentFlag = False,
    consumer: ConsumerOption = "switchbay-cli",
    client_id: ClientIdOption = None,
    server: ServerOption = None,
    account: AccountOption = None,
    user: UserOption = None,
    ca_file: CaFileOption = None,
    json_output: JsonFlag = False,
) -> None:
    """Download a file that was sent in a conversation.

    \b
    Examples:
      switchbay message get-file /v1/AUTH_async-images/demo/8c1f… -o picture.png --client-id 3f0c… --consumer kim
      switchbay message get-file /v1/AUTH_async-images/demo/8c1f… -o picture.png --as-agent
    """
    if as_agent:
        with connected(server, account, user, ca_file) as connection:
            known = mapping(connection.call("GET", f"/files/{segment(relative_path.rpartition('/')[2])}"))
            address = read_address(known.get("download"), "relative_path", "query")
            content = connection.client.get_bytes(*address)
    else:
        content = sign_in(server, account, ca_file, client_id, consumer).download(relative_path)
    try:
        with output.open("xb") as file:
            file.write(content)
    except OSError as error:
        raise AppError(
            Kind.INVALID, "file_unwritable", f"{str(output)!r} cannot be written: {error.strerror}."
        ) from error
    _show({"file": str(output), "size": len(content)}, as_json=json_output)


def _send_as_agent(
    connection: Connection, conversation: str, content: bytes, file_type: str, caption: str
) -> dict[str, JsonValue]:
    path = f"/conversations/{segment(conversation)}"
    connection.call("POST", f"{path}/join")
    wanted: dict[str, JsonValue] = {"file_size": len(content), "file_type": file_type, "conversation": conversation}
    relative_path, query = read_address(connection.call("POST", "/files", body=wanted), "relative_path", "query")
    connection.client.put_bytes(relative_path, query, content)
    event = file_event(relative_path, file_type, caption)
    published = mapping(connection.call("POST", f"{path}/events", body=event))
    return {"conversation": conversation, "sequence": published.get("sequence"), "path": relative_path}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE_BYTES + 1)
    except OSError as error:
        raise AppError(Kind.INVALID, "file_unreadable", f"{str(path)!r} cannot be read: {error.strerror}.") from error
    if len(content) > LARGEST_FILE_BYTES:
        raise AppError(Kind.TOO_LARGE, "file_too_large", f"{str(path)!r} is larger than any server takes.")
    return content


def _show(answer: dict[str, JsonValue], *, as_json: bool) -> None:
    if as_json:
        print_json(answer)
        return
    print_fields(list(answer.items()))

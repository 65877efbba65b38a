"""A connector in a few calls: tokens, then the Send API, as any connector of the Conversational Cloud speaks it."""

from dataclasses import dataclass
from typing import Self

from switchbay.cli.client import Client, segment
from switchbay.cli.output import mapping, objects
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret


@dataclass(frozen=True, slots=True)
class Connector:
    """Speaks for one consumer of an account."""

    client: Client
    account: str
    app_token: str
    consumer_token: str

    @classmethod
    def sign_in(cls, client: Client, account: str, client_id: str, secret: Secret, consumer: str) -> Self:
        """Get the application's token (RFC 6749 §4.4), then the consumer's."""
        granted = mapping(
            client.call(
                "POST",
                f"/sentinel/api/account/{segment(account)}/app/token",
                query={"v": "1.0"},
                form={
                    "grant_type": "client_credentials",
                    "client_id": client_id,
                    "client_secret": secret.reveal(),
                },
            )
        )
        app_token = str(granted.get("access_token"))
        identified = mapping(
            client.call(
                "POST",
                f"/api/account/{segment(account)}/consumer",
                query={"v": "1.0"},
                body={"ext_consumer_id": consumer},
                bearer=app_token,
            )
        )
        return cls(client, account, app_token, str(identified.get("token")))

    def open(self, text: str | None = None) -> tuple[str, int | None]:
        """Open a conversation, with a first message in the same transaction; return its id and the sequence."""
        requests: list[JsonValue] = [
            _request("1", "userprofile.SetUserProfile", {}),
            _request("2", "cm.ConsumerRequestConversation", {"brandId": self.account, "channelType": "MESSAGING"}),
        ]
        if text is not None:
            requests.append(_request("3", "ms.PublishEvent", {"dialogId": "", "event": text_event(text)}))
        answers = objects(self._post("", requests))
        bodies = [mapping(answer.get("body")) for answer in answers]
        conversation = next((str(body["conversationId"]) for body in bodies if "conversationId" in body), None)
        if conversation is None:
            raise _malformed("no conversation id")
        sequence = next((body["sequence"] for body in bodies if "sequence" in body), None)
        return conversation, sequence if isinstance(sequence, int) else None

    def say(self, conversation: str, text: str) -> int:
        """Send a text; return its sequence."""
        return self.publish(conversation, text_event(text))

    def publish(self, conversation: str, event: dict[str, JsonValue]) -> int:
        """Publish any event; return its sequence (0 for chat states, which have none)."""
        answer = mapping(
            self._post(
                "/send",
                _request(
                    "1",
                    "ms.PublishEvent",
                    {
                        "dialogId": conversation,
                        "conversationId": conversation,
                        "event": event,
                    },
                ),
            )
        )
        sequence = mapping(answer.get("body")).get("sequence")
        if not isinstance(sequence, int):
            raise _malformed("no sequence")
        return sequence

    def upload(self, content: bytes, file_type: str) -> str:
        """Upload a file; return the path to send it by."""
        wanted: dict[str, JsonValue] = {"fileSize": len(content), "fileType": file_type}
        path, query = self._address("ms.GenerateURLForUploadFile", wanted)
        self.client.put_bytes(path, query, content)
        return path

    def download(self, relative_path: str) -> bytes:
        """The bytes of a file of the consumer's conversations."""
        return self.client.get_bytes(*self._address("ms.GenerateURLForDownloadFile", {"relativePath": relative_path}))

    def _address(self, kind: str, body: dict[str, JsonValue]) -> tuple[str, dict[str, str]]:
        return read_address(
            mapping(self._post("/send", _request("1", kind, body))).get("body"), "relativePath", "queryParams"
        )

    def close(self, conversation: str) -> None:
        """Close the conversation."""
        field: dict[str, JsonValue] = {"field": "ConversationStateField", "conversationState": "CLOSE"}
        body: dict[str, JsonValue] = {"conversationId": conversation, "conversationField": field}
        self._post("/send", _request("1", "cm.UpdateConversationField", body))

    def _post(self, path: str, body: JsonValue) -> JsonValue:
        return self.client.call(
            "POST",
            f"/api/account/{segment(self.account)}/messaging/consumer/conversation{path}",
            query={"v": "3"},
            headers={"X-LP-ON-BEHALF": self.consumer_token},
            body=body,
            bearer=self.app_token,
        )


def text_event(text: str) -> dict[str, JsonValue]:
    """A plain text as an event."""
    return {"type": "ContentEvent", "contentType": "text/plain", "message": text}


def file_event(relative_path: str, file_type: str, caption: str) -> dict[str, JsonValue]:
    """An uploaded file as an event."""
    message: dict[str, JsonValue] = {"caption": caption, "relativePath": relative_path, "fileType": file_type}
    return {"type": "ContentEvent", "contentType": "hosted/file", "message": message}


def read_address(body: JsonValue, path_member: str, query_member: str) -> tuple[str, dict[str, str]]:
    """Path and query parameters of a signed address."""
    address = mapping(body)
    path = address.get(path_member)
    if not isinstance(path, str) or not path.startswith("/"):
        raise _malformed("no path of a file")
    return path, {name: str(value) for name, value in mapping(address.get(query_member)).items()}


def _request(number: str, kind: str, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
    return {"kind": "req", "id": number, "type": kind, "body": body}


def _malformed(what: str) -> AppError:
    return AppError(Kind.INTERNAL, "server_answer_malformed", f"The server's answer has {what}.")

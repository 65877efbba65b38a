"""Bodies of requests (section 4.3 of the reference), and the errors for those that do not fit."""

from typing import Annotated, Final, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import Meta, Struct

from switchbay.engagement.monitoring.errors import body_invalid
from switchbay.engagement.monitoring.wire.attributes import Attribute, Impression
from switchbay.engagement.monitoring.wire.limits import Address, Name, Text

T = TypeVar("T")
_MOST: Final = 100
_OCTET: Final = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PRINTABLE: Final = r"^[^\x00-\x1f\x7f]+\Z"  # not $, which lets a last newline pass

IPv4: TypeAlias = Annotated[str, Meta(pattern=rf"^{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}\Z", max_length=15)]
Subject: TypeAlias = Annotated[str, Meta(min_length=1, max_length=256, pattern=_PRINTABLE)]
OsName: TypeAlias = Literal["WINDOWS", "MAC_OSX", "LINUX", "IOS", "ANDROID"]


class _Part(Struct, frozen=True, rename="camel"):
    """An object of a body."""


class IdentityPart(_Part, frozen=True):
    """Whom the client says that the visitor is."""

    sub: Subject
    acr: Literal["0", "loa1"]
    iss: Text | None = None


class ClientProperties(_Part, frozen=True):
    """What the client says about the device."""

    app_version: Name | None = None
    device_family: Literal["DESKTOP", "TABLET", "MOBILE"] | None = None
    ip_address: IPv4 | None = None
    os: OsName | None = None
    os_name: OsName | None = None
    os_version: Name | None = None


class _Body(_Part, frozen=True, kw_only=True):
    """What both methods take. ``page_title`` and ``referrer`` are our own additions, for pages of the web."""

    consumer_id: Subject | None = None
    identities: Annotated[tuple[IdentityPart, ...], Meta(max_length=5)] | None = None
    client_properties: ClientProperties | None = None
    entry_points: Annotated[tuple[Address, ...], Meta(max_length=50)] | None = None
    page_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}\Z")] | None = None
    page_title: Text | None = None
    referrer: Address | None = None


class EngagementBody(_Body, frozen=True, kw_only=True):
    """Of ``engagement``: every type of attribute except impression events."""

    engagement_attributes: Annotated[tuple[Attribute, ...], Meta(max_length=_MOST)] | None = None


class ReportBody(_Body, frozen=True, kw_only=True):
    """Of ``report``: every type, and at least an empty list of them."""

    engagement_attributes: Annotated[tuple[Attribute | Impression, ...], Meta(max_length=_MOST)]


Attributes: TypeAlias = Annotated[tuple[Attribute | Impression, ...], Meta(max_length=_MOST)]
_engagement: Final = msgspec.json.Decoder(EngagementBody, strict=False)
_report: Final = msgspec.json.Decoder(ReportBody, strict=False)
_attributes: Final = msgspec.json.Decoder(Attributes, strict=False)


def parse_engagement(body: bytes) -> EngagementBody:
    """Read the body of ``engagement``. Raises 400/5, which names the member."""
    return _parse(_engagement, body)


def parse_report(body: bytes) -> ReportBody:
    """Read the body of ``report``. Raises 400/5, which names the member."""
    return _parse(_report, body)


def parse_attributes(body: bytes) -> Attributes:
    """Read a bare list of attributes. Raises 400/5, which names the member."""
    return _parse(_attributes, body)


def _parse(decoder: "msgspec.json.Decoder[T]", body: bytes) -> T:
    if not body.strip():
        raise body_invalid("There is no body.")
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise body_invalid(f"The body does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise body_invalid("The body is not valid JSON.") from error

"""What changes between two manifests, in sentences for the person who approves an update; riskier changes come first.

Header values are secrets: only that one changed is said. Of webhook endpoints only the host is shown, since their query
may hold a token.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer
from switchbay.kit.shown import shown_text
from switchbay.manifest.domain import vocabulary as words
from switchbay.manifest.domain.localised import split_member
from switchbay.manifest.domain.model import Engagement, Manifest, Webhook
from switchbay.manifest.domain.uris import origin_of

ChangeKind = Literal[
    "scope",
    "grant_type",
    "redirect_uri",
    "response_type",
    "event",
    "endpoint",
    "header",
    "engagement",
    "authentication",
    "logout",
    "entry_uri",
    "enabled",
    "retry",
    "text",
    "logo",
    "other",
]

_RANK: Final[tuple[ChangeKind, ...]] = (
    "scope",
    "grant_type",
    "redirect_uri",
    "response_type",
    "event",
    "endpoint",
    "header",
    "engagement",
    "authentication",
    "logout",
    "entry_uri",
    "enabled",
    "retry",
    "text",
    "logo",
    "other",
)


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``widens`` tells that the app gets more than it had, or sends it elsewhere."""

    kind: ChangeKind
    sentence: str
    widens: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        """Render the change."""
        return {"kind": self.kind, "sentence": self.sentence, "widens": self.widens}


def diff(old: Manifest | None, new: Manifest) -> list[Change]:
    """The changes from one manifest to the next; from None, all that a first installation asks for."""
    before = old or _NOTHING
    changes = [
        *_rights(before, new),
        *_webhooks(before, new),
        *_engagement(before.engagement, new.engagement),
        *_authentication(before, new),
        *_logout(before, new),
        *_launch(before, new),
        *_texts(before, new),
        *_others(before.document, new.document),
    ]
    return sorted(changes, key=lambda change: (not change.widens, _RANK.index(change.kind)))


_NOTHING: Final = Manifest("", "", "", (), (), (), (), None, (), 0, None, False, None, {}, None, {})  # noqa: FBT003 - fields in order


def _listed(kind: ChangeKind, old: Iterable[str], new: Iterable[str], gained: str, lost: str) -> Iterator[Change]:
    before, after = tuple(old), tuple(new)
    yield from (Change(kind, gained.format(word), widens=True) for word in after if word not in before)
    yield from (Change(kind, lost.format(word)) for word in before if word not in after)


def _rights(old: Manifest, new: Manifest) -> Iterator[Change]:
    yield from _listed("scope", old.scope, new.scope, "asks for the scope {}", "no longer asks for the scope {}")
    yield from _listed(
        "grant_type", old.grant_types, new.grant_types, "uses the grant type {}", "no longer uses the grant type {}"
    )
    yield from _listed(
        "redirect_uri",
        old.redirect_uris,
        new.redirect_uris,
        "lets sign-ons return to the new address {}",
        "no longer lets sign-ons return to {}",
    )
    yield from _listed(
        "response_type",
        old.response_types,
        new.response_types,
        "asks for the response type {}",
        "no longer asks for the response type {}",
    )


def _webhooks(old: Manifest, new: Manifest) -> Iterator[Change]:
    before = {webhook.event: webhook for webhook in old.webhooks}
    after = {webhook.event: webhook for webhook in new.webhooks}
    for event in words.CANONICAL_EVENTS:
        name = event.rpartition(".")[2]
        if event in after and event not in before:
            yield Change("event", f"receives {name} at {origin_of(after[event].endpoint)}", widens=True)
            yield from _headers(name, Webhook(event, ""), after[event])
            if after[event].max_retries_explicit:
                yield Change("retry", f"has {name} retried {_retries(after[event])}")
        elif event in before and event not in after:
            yield Change("event", f"no longer receives {name}")
        elif event in before:
            yield from _webhook(name, before[event], after[event])
    if old.is_best_effort != new.is_best_effort:
        verb = "lets later events overtake" if new.is_best_effort else "has later events wait behind"
        yield Change("retry", f"{verb} one that waits to be tried again")
    if old.asks_for_all_conversations != new.asks_for_all_conversations:
        asks = new.asks_for_all_conversations
        verb = "asks for" if asks else "no longer asks for"
        yield Change("event", f"{verb} the events of all conversations of the account", widens=asks)
    if old.retention_time != new.retention_time:
        was, now = (_seconds(manifest.retention_time) for manifest in (old, new))
        yield Change("retry", f"has undelivered events kept for {now} (was {was})")


def _seconds(seconds: int) -> str:
    return f"{seconds} seconds" if seconds else "no time"


def _webhook(name: str, old: Webhook, new: Webhook) -> Iterator[Change]:
    was, now = origin_of(old.endpoint), origin_of(new.endpoint)
    if was != now:
        yield Change("endpoint", f"sends {name} to new host {now} (was {was})", widens=True)
    elif old.endpoint != new.endpoint:
        yield Change("endpoint", f"sends {name} to another address on {now}")
    yield from _headers(name, old, new)
    if (old.max_retries, old.max_retries_explicit) != (new.max_retries, new.max_retries_explicit):
        yield Change("retry", f"has {name} retried {_retries(new)} (was {_retries(old)})")


def _retries(webhook: Webhook) -> str:
    if not webhook.max_retries_explicit:
        return "as by default"
    return "never" if webhook.max_retries == 0 else f"up to {webhook.max_retries} times"


def _headers(name: str, old: Webhook, new: Webhook) -> Iterator[Change]:
    before, after = _by_name(old), _by_name(new)
    for header, values in after.items():
        if header not in before:
            yield Change("header", f"sends the new header {header} with {name}")
        elif before[header] != values:
            yield Change("header", f"sends the header {header} with {name} with another value")
    for header in before:
        if header not in after:
            yield Change("header", f"no longer sends the header {header} with {name}")


def _by_name(webhook: Webhook) -> Mapping[str, list[str]]:
    """Values by lower-case header name, in order: names differ by case only in writing."""
    values: dict[str, list[str]] = {}
    for header, value in webhook.headers:
        values.setdefault(header.lower(), []).append(value)
    return values


def _engagement(old: Engagement | None, new: Engagement | None) -> Iterator[Change]:
    if new is None:
        if old is not None:
            yield Change("engagement", "no longer offers engagements")
        return
    if old is None:
        yield Change("engagement", "offers engagements to visitors", widens=True)
        old = Engagement(False, False, (), (), (), (), (), False)  # noqa: FBT003 - fields in order
    for name in words.ENGAGEMENT_MEMBERS:
        was, now = getattr(old, name), getattr(new, name)
        if isinstance(now, bool):
            if was != now:
                yield Change("engagement", f"switches {name} {'on' if now else 'off'}", widens=now)
        else:
            yield from _listed("engagement", was, now, f"uses {{}} for {name}", f"no longer uses {{}} for {name}")


def _authentication(old: Manifest, new: Manifest) -> Iterator[Change]:
    was, now = (manifest.token_endpoint_auth_method or words.AUTH_METHODS[0] for manifest in (old, new))
    if was != now:
        verb = "does not prove who it is any more" if now == words.BY_NOTHING else f"proves who it is by {now}"
        yield Change("authentication", f"{verb} (was {was})", widens=now == words.BY_NOTHING)
    if old.jwks != new.jwks:
        sentence = (
            "changes the public keys that it proves who it is with" if old.jwks else "brings public keys of its own"
        )
        yield Change("authentication", sentence if new.jwks else "no longer brings public keys", widens=bool(new.jwks))
    if old.jwks_uri != new.jwks_uri:
        before = f" (was {origin_of(old.jwks_uri)})" if old.jwks_uri else ""
        sentence = f"has its public keys at {origin_of(new.jwks_uri)}{before}" if new.jwks_uri else ""
        yield Change("authentication", sentence or "no longer has public keys at an address", widens=bool(new.jwks_uri))
    if old.id_token_signed_response_alg != new.id_token_signed_response_alg:
        algorithm = new.id_token_signed_response_alg
        yield Change(
            "authentication", f"wants id_tokens signed {f'with {algorithm}' if algorithm else 'as by default'}"
        )


def _logout(old: Manifest, new: Manifest) -> Iterator[Change]:
    yield from _listed(
        "logout",
        old.post_logout_redirect_uris,
        new.post_logout_redirect_uris,
        "lets sign-outs return to the new address {}",
        "no longer lets sign-outs return to {}",
    )
    was, now = old.backchannel_logout_uri, new.backchannel_logout_uri
    if was != now:
        before = f" (was {origin_of(was)})" if was else ""
        widens = now is not None and origin_of(now) != origin_of(was or "")
        sentence = f"is told of sign-outs at {origin_of(now)}{before}" if now else "is no longer told of sign-outs"
        yield Change("logout", sentence, widens=widens)
    if old.backchannel_logout_session_required != new.backchannel_logout_session_required:
        verb = "wants" if new.backchannel_logout_session_required else "no longer wants"
        yield Change("logout", f"{verb} to be told which session ended")


def _launch(old: Manifest, new: Manifest) -> Iterator[Change]:
    if old.entry_uri != new.entry_uri:
        was = f" (was {old.entry_uri})" if old.entry_uri else ""
        sentence = f"is launched at {new.entry_uri}{was}" if new.entry_uri else "can no longer be launched"
        yield Change("entry_uri", sentence, widens=new.entry_uri is not None)
    if old.quick_launch_enabled != new.quick_launch_enabled:
        verb = "appears in" if new.quick_launch_enabled else "disappears from"
        yield Change("entry_uri", f"{verb} the quick-launch menu")
    if new.enabled is not None and old.enabled != new.enabled:
        yield Change("enabled", "is switched on" if new.enabled else "is switched off", widens=new.enabled)


def _texts(old: Manifest, new: Manifest) -> Iterator[Change]:
    for name in words.LOCALISED_MEMBERS:
        kind: ChangeKind = "logo" if name == "logo_uri" else "text"
        keys = [key for key in {**new.document, **old.document} if split_member(key)[0] == name]
        for key in sorted(keys):
            was, now = old.document.get(key), new.document.get(key)
            if was != now and isinstance(now, str):
                before = f" (was {shown_text(was)})" if isinstance(was, str) else ""
                yield Change(kind, f"has {shown_text(now)} as {key}{before}")
            elif was != now:
                yield Change(kind, f"no longer has a {key}")


def _others(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue]) -> Iterator[Change]:
    """Members that have no meaning to us: what they hold is not shown, only that it changed."""
    known: Mapping[Path, Sequence[str]] = {
        (): (*words.MEMBERS[1:], *words.SERVER_FIELDS),
        ("capabilities",): ("webhooks", "engagement"),
        ("capabilities", "engagement"): words.ENGAGEMENT_MEMBERS,
        ("capabilities", "webhooks"): (*words.CANONICAL_EVENTS, *words.NOT_EVENTS),
        ("capabilities", "webhooks", "retry"): words.RETRY_MEMBERS,
        **{("capabilities", "webhooks", event): words.WEBHOOK_MEMBERS for event in words.CANONICAL_EVENTS},
    }
    for path, members in known.items():
        before, after = _object_at(old, path), _object_at(new, path)
        for key in {**before, **after}:
            is_text = not path and split_member(key)[0] in words.LOCALISED_MEMBERS
            if key not in members and not is_text and before.get(key) != after.get(key):
                where = shown_text(to_pointer((*path, key)))
                yield Change("other", f"changes {where}, which has no effect on the platform")


def _object_at(document: Mapping[str, JsonValue], path: Path) -> Mapping[str, JsonValue]:
    here: JsonValue = dict(document)
    for step in path:
        here = here.get(str(step)) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}

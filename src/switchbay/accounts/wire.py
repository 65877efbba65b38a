"""Bodies on the wire: the agent login and its answer, the directory, the feature grants, our management API.

Shapes are those that clients of LivePerson's login service (agentVep), Domain API and account configuration read.
"""

import io

import msgspec
import segno

from switchbay.accounts import errors
from switchbay.accounts.domain.account import Account
from switchbay.accounts.domain.audit import AuditEntry, AuditPage
from switchbay.accounts.domain.people import Principal, Role, User, role_names
from switchbay.accounts.domain.second_factor import Enrolment, SecondFactorState
from switchbay.accounts.domain.sessions import Login, Session
from switchbay.infra.web import decode_json
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.secret import Secret

MESSAGING_FEATURE = "Common.Async_Messaging"


class Credentials(msgspec.Struct, frozen=True):
    """The members of a login body that this server uses."""

    username: str
    password: Secret
    otp: Secret | None = None


def _object(body: bytes) -> dict[str, JsonValue]:
    value = decode_json(body)
    if not isinstance(value, dict):
        raise AppError(Kind.INVALID, "invalid_body", "The body must be a JSON object.")
    return value


def parse_login(body: bytes) -> Credentials:
    """Read ``{"username", "password"}`` and perhaps ``otp``; name the kind of login that a body asks for instead."""
    given = _object(body)
    if "password" not in given:
        if "assertion" in given or "jwt" in given:
            raise errors.login_method_unsupported("SAML assertion")
        if "appKey" in given or "accessToken" in given:
            raise errors.login_method_unsupported("OAuth 1.0 keys")
    otp = Secret(_text(given, "otp")) if given.get("otp") is not None else None
    return Credentials(_text(given, "username"), Secret(_text(given, "password")), otp)


def _text(given: dict[str, JsonValue], field: str) -> str:
    value = given.get(field)
    if not isinstance(value, str) or not value:
        raise errors.login_field_missing(field)
    return value


def parse_csrf(body: bytes) -> Secret:
    """Read ``{"csrf"}``."""
    value = _object(body).get("csrf")
    if not isinstance(value, str) or not value:
        raise errors.csrf_invalid()
    return Secret(value)


def render_login(login: Login, uris: list[dict[str, str]], session_ms: int, now: int) -> dict[str, JsonValue]:
    """The answer to a login. ``sessionTTl`` (spelled so) is milliseconds in a string."""
    return {
        "csrf": login.csrf.reveal(),
        "sessionTTl": str(session_ms),
        "bearer": login.bearer.reveal(),
        "config": _config(login.principal, now),
        "csdsCollectionResponse": {"baseURIs": [dict(uri) for uri in uris]},
        "accountData": {},
    }


def _config(principal: Principal, now: int) -> dict[str, JsonValue]:
    return {
        "loginName": principal.login_name,
        "userId": principal.user_id,
        "userPid": principal.user_pid,
        "userAgentPid": principal.user_pid,
        "isAdmin": Role.ADMIN in principal.roles,
        "isLPA": False,
        # The numbers are the vendor's and not published; roles are what this server decides by.
        "userPrivileges": [],
        "roles": list(role_names(principal.roles)),
        "serverCurrentTime": now,
        "timeDiff": 0,
        "serverTimeZoneName": "UTC",
        "serverTimeGMTDiff": 0,
        "accountTimeZoneId": "Etc/UTC",
    }


def render_feature_grants(account: Account) -> dict[str, JsonValue]:
    """The one grant that the Connector App Hub looks for, in the depth at which it looks."""
    grant: dict[str, JsonValue] = {
        "compoundFeatureID": MESSAGING_FEATURE,
        "value": {"value": account.messaging_enabled},
    }
    return {"appDataList": [{"accountList": {"accountList": [{"itemsCollection": {"data": [grant]}}]}}]}


def render_account(account: Account) -> dict[str, JsonValue]:
    """An account for the management API."""
    return {
        "account_id": account.account_id,
        "name": account.name,
        "created_at": account.created_at,
        "signature_algorithm": account.signature_algorithm,
        "signature_encoding": account.signature_encoding,
        "standard_webhooks": account.standard_webhooks,
        "reveal_client_secret": account.reveal_client_secret,
        "messaging_enabled": account.messaging_enabled,
        "webhook_breaker": account.webhook_breaker,
        "disable_slow_webhooks": account.disable_slow_webhooks,
        "survey_app": account.survey_app,
        "survey_seconds": account.survey_seconds,
        "auto_close_seconds": account.auto_close_seconds,
        "history_days": account.history_days,
        "agent_capacity": account.agent_capacity,
        "requeue_on_disconnect": account.requeue_on_disconnect,
        "web_origins": list(account.web_origins),
        "file_total_bytes": account.file_total_bytes,
        "ttr_seconds": dict(account.ttr_seconds),
    }


def render_user(user: User) -> dict[str, JsonValue]:
    """A user for the management API."""
    return {
        "user_id": user.user_id,
        "user_pid": user.user_pid,
        "login_name": user.login_name,
        "display_name": user.display_name,
        "roles": list(role_names(user.roles)),
        "enabled": user.enabled,
        "created_at": user.created_at,
        "password_changed_at": user.password_changed_at,
    }


def render_session(session: Session) -> dict[str, JsonValue]:
    """A session for the management API."""
    return {
        "session_id": session.session_id,
        "user_id": session.user_id,
        "created_at": session.created_at,
        "expires_at": session.expires_at,
        "address": session.address,
        "amr": list(session.amr),
    }


def render_second_factor(state: SecondFactorState | None) -> dict[str, JsonValue]:
    """The state of a second factor for the management API."""
    if state is None:
        return {"state": "none"}
    return {
        "state": "pending" if state.confirmed_at is None else "confirmed",
        "created_at": state.created_at,
        "confirmed_at": state.confirmed_at,
        "recovery_codes_left": state.recovery_codes_left,
    }


def render_enrolment(made: Enrolment) -> dict[str, JsonValue]:
    """What an authenticator app needs: as text to type, as a URI, and as a picture of that URI to look at."""
    picture = io.BytesIO()
    segno.make(made.uri.reveal(), error="m").save(picture, kind="svg", scale=4, xmldecl=False, nl=False)
    return {"secret": made.secret.reveal(), "uri": made.uri.reveal(), "qr_svg": picture.getvalue().decode("utf-8")}


def render_recovery_codes(codes: list[Secret]) -> dict[str, JsonValue]:
    """The only answer that ever has them."""
    return {"recovery_codes": [code.reveal() for code in codes]}


def render_audit_page(page: AuditPage) -> dict[str, JsonValue]:
    """A page of the audit log for the management API."""
    return {"items": [_audit_entry(entry) for entry in page.entries], "next_cursor": page.next_cursor}


def _audit_entry(entry: AuditEntry) -> dict[str, JsonValue]:
    actor = entry.actor
    return {
        "number": entry.number,
        "at": entry.at,
        "actor": {"kind": actor.kind, "id": actor.id, "name": actor.name, "address": actor.address},
        "action": entry.action,
        "object": {"type": entry.object_type, "id": entry.object_id},
        "detail": dict(entry.detail),
    }

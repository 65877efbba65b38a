"""The door of the accounts room: accounts, users and roles, sessions, the directory, the audit log."""

from switchbay.accounts.domain.account import Account, AccountChange
from switchbay.accounts.domain.audit import AuditEntry, AuditFilter, AuditPage
from switchbay.accounts.domain.directory import SERVICES, base_uris
from switchbay.accounts.domain.people import (
    OPERATOR,
    Actor,
    Principal,
    Role,
    User,
    UserChange,
    actor_of,
    operator,
    require,
)
from switchbay.accounts.domain.second_factor import Enrolment, SecondFactorState
from switchbay.accounts.domain.sessions import EndedSession, EndReason, Login, SecondFactorNeeded, Session
from switchbay.accounts.domain.throttle import network_of
from switchbay.accounts.service import Accounts
from switchbay.accounts.service.means import SessionEndListener
from switchbay.accounts.service.passwords import Passwords
from switchbay.accounts.store.audit import record_audit
from switchbay.accounts.store.sessions import hold_session
from switchbay.accounts.wire import render_account

__all__ = [
    "OPERATOR",
    "SERVICES",
    "Account",
    "AccountChange",
    "Accounts",
    "Actor",
    "AuditEntry",
    "AuditFilter",
    "AuditPage",
    "EndReason",
    "EndedSession",
    "Enrolment",
    "Login",
    "Passwords",
    "Principal",
    "Role",
    "SecondFactorNeeded",
    "SecondFactorState",
    "Session",
    "SessionEndListener",
    "User",
    "UserChange",
    "actor_of",
    "base_uris",
    "hold_session",
    "network_of",
    "operator",
    "record_audit",
    "render_account",
    "require",
]

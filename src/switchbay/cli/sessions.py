"""The file that remembers logins: ``switchbay/sessions.json`` in the user's configuration folder, mode 600."""

import json
import os
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from switchbay.cli.output import mapping, objects
from switchbay.kit.errors import AppError, Kind


@dataclass(frozen=True, slots=True)
class RememberedSession:
    """A login that was kept. ``expires_at`` is in epoch milliseconds; ``ca_file`` is an absolute path or empty."""

    server: str
    account: str
    user: str
    bearer: str
    expires_at: int
    ca_file: str = ""

    def __repr__(self) -> str:
        return f"RememberedSession({self.server}, {self.account}, {self.user})"


def sessions_file() -> Path:
    """Where sessions are remembered (XDG Base Directory Specification)."""
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(configured) if configured.startswith("/") else Path.home() / ".config"
    return base / "switchbay" / "sessions.json"


def load_sessions() -> list[RememberedSession]:
    """Read the live sessions, the last login first. A file that is not ours counts as empty."""
    try:
        content = mapping(json.loads(sessions_file().read_text("utf-8")))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise AppError(
            Kind.INVALID, "session_file_unreadable", f"{sessions_file()} cannot be read: {error}. Remove it to go on."
        ) from error
    now = int(time.time() * 1000)
    found: list[RememberedSession] = []
    for item in objects(content.get("sessions")):
        server, account, user, bearer = (item.get(name) for name in ("server", "account", "user", "bearer"))
        expires_at, ca_file = item.get("expires_at"), item.get("ca_file", "")
        if (
            isinstance(server, str)
            and isinstance(account, str)
            and isinstance(user, str)
            and isinstance(bearer, str)
            and isinstance(ca_file, str)
            and isinstance(expires_at, int)
            and expires_at > now
        ):
            found.append(RememberedSession(server, account, user, bearer, expires_at, ca_file))
    return found


def remember(session: RememberedSession) -> None:
    """Put a session first, in place of an older one for the same server and account."""
    others = [other for other in load_sessions() if (other.server, other.account) != (session.server, session.account)]
    _save([session, *others])


def forget(session: RememberedSession) -> None:
    """Remove a session."""
    _save([other for other in load_sessions() if other.bearer != session.bearer])


def _save(sessions: list[RememberedSession]) -> None:
    path = sessions_file()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".sessions.", dir=path.parent)  # made with mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump({"sessions": [asdict(session) for session in sessions]}, file, indent=2)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

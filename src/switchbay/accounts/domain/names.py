"""What login names, display names and passwords may look like.

Login names compare by their NFKC case-folded form, so that ``Ada`` and ``ada`` (and the full-width letters) are one
user; passwords are compared in NFC, as RFC 8265 §4.2.2 has it, so that it does not matter how a keyboard composes an
accent.
"""

import unicodedata

from switchbay.accounts import errors
from switchbay.kit.secret import Secret

LONGEST_NAME = 128
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD_BYTES = 1_024
# Some single characters fold into eighteen; an index of the database takes about 2,700 bytes.
_LONGEST_KEY_BYTES = 1_024
# Control characters, lone surrogates, line and paragraph separators.
_NEVER = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Format, private and unassigned characters: invisible, or without a stable folded form.
_NOT_IN_LOGIN_NAMES = frozenset({"Cf", "Co", "Cn"})
_TURNS_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def checked_name(what: str, text: str) -> str:
    """Return ``text`` if it can be a name that people read: 1 to 128 characters, no control characters."""
    if not 1 <= len(text) <= LONGEST_NAME:
        raise errors.name_invalid(what, f"it must have 1 to {LONGEST_NAME} characters")
    if any(unicodedata.category(character) in _NEVER or character in _TURNS_DIRECTION for character in text):
        raise errors.name_invalid(what, "it must not contain control characters, line breaks or changes of direction")
    if text != text.strip():
        raise errors.name_invalid(what, "it must not begin or end with a space")
    return text


def login_key(login_name: str) -> str:
    """Return the form of a login name that is unique in its account; refuse what ``checked_name`` refuses."""
    name = checked_name("login name", login_name)
    if any(unicodedata.category(character) in _NOT_IN_LOGIN_NAMES for character in name):
        raise errors.name_invalid("login name", "it must not contain invisible or unassigned characters")
    folded = unicodedata.normalize("NFKC", name).casefold()
    key = unicodedata.normalize("NFKC", folded)
    if len(key.encode("utf-8")) > _LONGEST_KEY_BYTES or not key.strip():
        raise errors.name_invalid("login name", "its characters stand for too many or too few others")
    return key


def new_password(password: Secret) -> Secret:
    """Return a password fit to be set: at least 8 characters, at most 1,024 bytes of UTF-8."""
    text = given_password(password)
    if len(text.reveal()) < SHORTEST_PASSWORD:
        raise errors.password_invalid(f"it must have at least {SHORTEST_PASSWORD} characters")
    return text


def given_password(password: Secret) -> Secret:
    """Return a password fit to be checked: at most 1,024 bytes, in NFC."""
    given = password.reveal()
    # Looked at before it is normalised too: composing an endless text is work that nobody asked for.
    if len(given) > LONGEST_PASSWORD_BYTES or not given:
        raise errors.password_invalid(f"it must have 1 to {LONGEST_PASSWORD_BYTES} bytes of UTF-8")
    try:
        size = len((text := unicodedata.normalize("NFC", given)).encode("utf-8"))
    except UnicodeEncodeError as error:
        raise errors.password_invalid("it must be text") from error
    if size > LONGEST_PASSWORD_BYTES:
        raise errors.password_invalid(f"it must have 1 to {LONGEST_PASSWORD_BYTES} bytes of UTF-8")
    return Secret(text)

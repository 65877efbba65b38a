"""The door of the oauth room: verified tokens for other rooms, the browser's sessions and the pages that people see,
and the server that assembly builds.

``OAuth.verify_app_token`` and ``OAuth.verify_consumer_token`` are cheap enough for every message: a token that was
verified a moment ago costs a hash and two look-ups in memory.
"""

from switchbay.oauth.browser import Browser, BrowserSession
from switchbay.oauth.build import AuthorizationServer, Means, build
from switchbay.oauth.domain import AppToken, ConsumerToken
from switchbay.oauth.pages import Pages
from switchbay.oauth.pages.words import read_languages
from switchbay.oauth.service import OAuth
from switchbay.oauth.service.backchannel import end_what_was_issued
from switchbay.oauth.service.visitors import Visitor, Visitors
from switchbay.oauth.sign_in import SignIn

__all__ = [
    "AppToken",
    "AuthorizationServer",
    "Browser",
    "BrowserSession",
    "ConsumerToken",
    "Means",
    "OAuth",
    "Pages",
    "SignIn",
    "Visitor",
    "Visitors",
    "build",
    "end_what_was_issued",
    "read_languages",
]

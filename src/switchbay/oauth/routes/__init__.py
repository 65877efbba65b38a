"""The wire routes of the authorization server: parse, call one service function, render."""

from switchbay.oauth.routes.app_tokens import routes

__all__ = ["routes"]

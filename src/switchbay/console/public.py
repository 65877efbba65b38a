"""The door of the console room: the quick-launch menu that assembly serves."""

from switchbay.console.routes import routes
from switchbay.console.service import Launch

__all__ = ["Launch", "routes"]

"""What the person who runs the demo sees; readable in a log file as well."""

import time

from rich.console import Console
from rich.text import Text

from switchbay.cli.output import plain


class Screen:
    """Prints steps, deliveries and results, each with the seconds since the start."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True, markup=False)
        self._started = time.monotonic()

    def step(self, text: str) -> None:
        """Begin a step."""
        self._print(Text(text, style="bold"))

    def say(self, text: str) -> None:
        """Tell something."""
        self._print(Text(text))

    def command(self, line: str) -> None:
        """Show a line that can be copied whole."""
        self._console.print(Text(line, style="cyan"))

    def delivery(self, event: str, attempt: int, latency_ms: int | None, signature: str, summary: str) -> None:
        """Show a webhook that the connector received."""
        good = signature == "signature ok"
        line = Text("   webhook  ", style="dim")
        line.append(f"{plain(event):<36}", style="cyan")
        line.append(f"  attempt {attempt}  {'-' if latency_ms is None else latency_ms:>4} ms  ", style="default")
        line.append(plain(signature), style="green" if good else "bold red")
        line.append(f"  {plain(summary)}", style="dim")
        self._print(line)

    def done(self, text: str) -> None:
        """Tell a good end."""
        self._print(Text(text, style="bold green"))

    def failed(self, text: str) -> None:
        """Tell a bad end."""
        self._print(Text(f"FAILED: {text}", style="bold red"))

    def _print(self, text: Text) -> None:
        self._console.print(Text(f"{time.monotonic() - self._started:6.2f}s  ", style="dim") + text)

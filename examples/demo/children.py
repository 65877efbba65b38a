"""Processes that the demo starts: their lines are read as they come, and none outlives the demo."""

import json
import os
import queue
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_STOP_SECONDS = 15.0


class ChildFailed(Exception):
    """A process ended that should have gone on, or did not say what it had to say."""


class Child:
    """A running process. What it prints as JSON lines can be taken one by one; its errors go to a file."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        self._name = name
        self._log = folder / f"{name}.log"
        self._lines: queue.Queue[str | None] = queue.Queue()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own programs
                list(command),
                cwd=folder,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends its children in order
            )
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, line: str) -> None:
        """Write a line to the process."""
        if self._process.stdin is None:
            raise ChildFailed(f"the {self._name} cannot be told anything")
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def next_line(self, seconds: float | None) -> dict[str, Any] | None:
        """The next JSON line, or None when none came in time. Raises ChildFailed when the process has ended."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            try:
                # Short waits, so that Ctrl-C is noticed.
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                if deadline is not None and time.monotonic() >= deadline:
                    return None
                continue
            if line is None:
                raise ChildFailed(f"the {self._name} ended unexpectedly; {self._log} says:\n{self._last_words()}")
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                return value

    def stop(self) -> None:
        """End the process: asked first, then made to."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        if self._process.stdout is not None:
            try:
                for line in self._process.stdout:
                    self._lines.put(line)
            except ValueError:  # closed while it was read: the demo is ending
                pass
        self._lines.put(None)

    def _last_words(self) -> str:
        with self._log.open(errors="replace") as log:
            return "".join(deque(log, 15)) or "(nothing)"


def run_to_end(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a command that prints one JSON object, and return it."""
    finished = subprocess.run(  # noqa: S603 - our own programs
        list(command),
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if finished.returncode != 0:
        raise ChildFailed(f"{' '.join(command[1:4])} ended with {finished.returncode}:\n{finished.stderr}")
    value = json.loads(finished.stdout)
    return value if isinstance(value, dict) else {}

"""The demo: from a manifest to signed webhooks, a signed-in user and a web messenger, on this machine, unprepared.

python -m examples.demo          run the flow, then stay up and show what arrives
python -m examples.demo --once   run the flow; exit code 0 when everything arrived, else 1
"""

import argparse
import signal
import sys
from pathlib import Path
from types import FrameType

from examples.demo.browser import PageFailed
from examples.demo.children import ChildFailed
from examples.demo.messenger import page_address, visit
from examples.demo.screen import Screen
from examples.demo.shopping import go_shopping
from examples.demo.sign_on import sign_on
from examples.demo.stage import Stage
from examples.demo.story import StoryFailed, stay, tell_story

from switchbay.kit.errors import AppError

_FOLDER = Path(__file__).resolve().parent.parent.parent / ".demo"


def main() -> int:
    """Run the demo; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="demo", description="From a manifest to signed webhooks and a signed-in user."
    )
    parser.add_argument("--once", action="store_true", help="end after the flow; the exit code tells how it went")
    parser.add_argument("--keep", action="store_true", help="go on with the data of the last run")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="where the demo's data goes (default: .demo)")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    screen = Screen()
    told = False
    try:
        with Stage(options.folder, screen, keep=options.keep) as stage:
            tell_story(stage, screen)
            sign_on(stage, screen)
            go_shopping(stage, screen)
            visit(stage, screen)
            told = True
            if not options.once:
                stay(stage, screen, page_address(stage))
    except (StoryFailed, PageFailed, ChildFailed) as error:
        screen.failed(str(error))
        return 1
    except AppError as error:
        screen.failed(f"{error.message} ({error.code})")
        return 1
    except KeyboardInterrupt:
        screen.say("stopped")
        return 0 if told else 130
    return 0


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the demo; an impatient second Ctrl-C must not keep it from ending its children."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())

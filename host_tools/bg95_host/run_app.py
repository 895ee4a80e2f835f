"""Running an app on a rig: the driver is deployed, the app's output streamed, its end reported."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path

from bg95_host.errors import ToolError
from bg95_host.mpremote_link import BoardError, BoardLink
from bg95_host.rigs import Rig

_LOOK_S = 0.2  # how often a board that is kept up is looked after
_NOTICE_S = 2.0  # a rig names the cause of a lost board within this


def run_app(rig: Rig, app: Path, on_output: Callable[[bytes], None]) -> None:
    """Run `app` on a started rig until it ends, passing on its output as it comes.

    Raises mpremote_link.BoardException with the board's traceback if the app raised, and
    KeyboardInterrupt with it if Ctrl-C ended the app; RigError if a part of the rig died. sys.exit()
    is an end like any other: MicroPython tells the host no status.
    """
    try:
        program = app.read_text(encoding="utf-8")
    except OSError as e:
        raise ToolError(f"{app} cannot be read: {e.strerror}") from e
    except UnicodeDecodeError as e:
        raise ToolError(f"{app} is no Python program: it is not text in UTF-8") from e
    try:
        rig.install()
        with BoardLink(rig.port) as link:
            link.run(program, on_output)
    except BoardError:
        _raise_cause(rig)
        raise


def keep_up(rig: Rig, on_ready: Callable[[str], None]) -> None:
    """Deploy to a started rig, tell its port, and wait for Ctrl-C; RigError if it dies before."""
    rig.install()
    on_ready(rig.port)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            rig.check()
            time.sleep(_LOOK_S)


def _raise_cause(rig: Rig) -> None:
    """A board that went away is a symptom; give the rig time to notice what it died of."""
    deadline = time.monotonic() + _NOTICE_S
    while time.monotonic() < deadline:
        rig.check()
        time.sleep(0.02)

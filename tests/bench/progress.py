"""What is being done, on standard error, with the seconds since the start."""

from __future__ import annotations

import sys
import time

BEGUN = time.monotonic()


def elapsed() -> float:
    return time.monotonic() - BEGUN


def tell(text: str) -> None:
    print(f"{elapsed():5.0f} s  {text}", file=sys.stderr, flush=True)

"""The end of the interpreter while a thread refreshes: it neither waits nor crashes."""

import subprocess
import sys
import time
from typing import Any

import pytest

from tests.support.fakes import HANG, Asked, Imds

CHILD = """
import sagewire, time
from sagewire.credentials import clock
source = sagewire.client()._settings.source
assert source.current().access_key_id == "ASIAFAKE"
later = time.time() + 48 * 60
clock.now = lambda: later
assert source.current().access_key_id == "ASIAFAKE"
time.sleep({wait})
"""


@pytest.mark.parametrize("answers_after", [None, 0.1, 0.11, 0.12, 0.13])
def test_an_exit_during_a_refresh(
    environment: pytest.MonkeyPatch, answers_after: float | None
) -> None:
    """The answers arrive never, or around the moment at which the interpreter ends."""

    def answer(asked: Asked) -> Any:
        if len(imds.asked) <= 3:
            return Imds._answer(imds, asked)
        if answers_after is None:
            return HANG
        time.sleep(answers_after)
        return "late"

    with Imds() as imds:
        imds.answer = answer
        environment.setenv("AWS_EC2_METADATA_DISABLED", "false")
        environment.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url)
        environment.setenv("AWS_METADATA_SERVICE_TIMEOUT", "20")
        child = subprocess.run(
            [sys.executable, "-c", CHILD.format(wait=0.1)],
            check=False,
            capture_output=True,
            text=True,
            timeout=15,
        )
        assert (child.returncode, child.stderr) == (0, "")
        assert len(imds.asked) == 4

"""`AsyncStreamingBody` beside aiobotocore's: the same program over the same answers."""

import asyncio
import json
import os
import subprocess

import pytest

import sagewire
from sagewire.streams.aio import AsyncStreamingBody
from tests.peers.test_matrix import require
from tests.support import body_program
from tests.support.peer import Peer, answer
from tests.support.peers import PYTHON

KEYS = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
# At its end aiobotocore's is not `readable` any more (docs/differences.md).
DIFFERENT = {"entered empty", "entered blank"}
# What aiobotocore's class takes back of botocore's, or has for its own use.
TAKEN_BACK = {"next"}


def by_name(link):
    while (request := link.request()) is not None:
        link.send(answer(body_program.ANSWERS[request.line.split(b"/")[2].decode()]))


def test_a_body_gives_what_aiobotocores_gives(request, monkeypatch):
    require(request, "aiobotocore")
    with Peer(by_name) as peer:
        url = f"http://127.0.0.1:{peer.port}"
        environment = {**os.environ, **KEYS, "AWS_DEFAULT_REGION": "us-east-1"}
        command = [str(PYTHON), body_program.__file__, url]
        said = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        assert said.returncode == 0, said.stderr
        names, theirs = json.loads(said.stdout)

        async def ours():
            async with sagewire.async_client(endpoint_url=url) as client:
                return await body_program.outcomes(client)

        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        mine = asyncio.run(ours())
    assert len(mine) == len(body_program.PROGRAMS) * len(body_program.ANSWERS)
    assert {name for name in theirs if mine[name] != theirs[name]} == DIFFERENT
    public = {name for name in names if not name.startswith("_")} - TAKEN_BACK
    assert public <= set(dir(AsyncStreamingBody)), "its class has names that ours has not"
    with pytest.raises(TypeError):
        iter(AsyncStreamingBody(None, None))

"""`body_program.py URL`: what aiobotocore's bodies give, told as JSON; ours are put to the same.

It runs in an environment of its own, since aiobotocore is bound to an older botocore than ours, and
so it knows nothing of this package.
"""

import asyncio
import contextlib
import json
import sys

LINES = b"one\ntwo\r\nthree\rfour\n\nlast"
LONG = bytes(range(256)) * 16
# What the peer answers, by the endpoint's name.
ANSWERS = {
    "lines": LINES,
    "ended": LINES + b"\r\n",
    "empty": b"",
    "blank": b"\n",
    "long": LONG,
}


async def whole(body):
    return [await body.read(), body.tell(), await body.read(), await body.read(5)]


async def pieces(body):
    return [await body.read(0), await body.read(3), body.tell(), await body.read(), body.tell()]


async def negative(body):
    return [await body.read(2), await body.read(-1), await body.read(-1)]


async def into(body):
    buffer = bytearray(5)
    counts = [await body.readinto(buffer), body.tell()]
    return [*counts, bytes(buffer), await body.read(), await body.readinto(buffer)]


async def iterated(body):
    return [piece async for piece in body]


async def chunks(body):
    return [piece async for piece in body.iter_chunks()]


async def small_chunks(body):
    return [piece async for piece in body.iter_chunks(7)]


async def lines(body):
    return [line async for line in body.iter_lines()]


async def lines_with_ends(body):
    return [line async for line in body.iter_lines(keepends=True)]


async def readlines(body):
    return await body.readlines()


async def one_by_one(body):
    return [await body.anext(), await body.__anext__()]


async def entered(body):
    async with body as same:
        return [same is body, await same.read(4), same.readable()]


async def closed(body):
    first = await body.read(1)
    body.close()
    await body.aclose()
    body.close()
    return first


async def as_if_blocking(body):
    told = []
    for wrong in (iter, next, contextlib.ExitStack().enter_context):
        try:
            wrong(body)
        except (TypeError, AttributeError):  # without a way in, by Python's version
            told.append("refused")
    return told


PROGRAMS = [
    whole,
    pieces,
    negative,
    into,
    iterated,
    chunks,
    small_chunks,
    lines,
    lines_with_ends,
    readlines,
    one_by_one,
    entered,
    closed,
    as_if_blocking,
]


async def outcomes(client):
    """Return what each program comes to on each answer."""
    told = {}
    for program in PROGRAMS:
        for name in ANSWERS:
            body = (await client.invoke_endpoint(EndpointName=name, Body=b"x"))["Body"]
            try:
                came = await program(body)
            except StopAsyncIteration:
                came = "StopAsyncIteration"
            body.close()
            told[f"{program.__name__} {name}"] = shown(came)
    return told


def shown(value):
    """Return a value as JSON has it."""
    if isinstance(value, list):
        return [shown(item) for item in value]
    return value.decode("latin-1") if isinstance(value, bytes) else value


async def main():
    from aiobotocore.response import AioStreamingBody
    from aiobotocore.session import get_session

    own = {name for kind in AioStreamingBody.__mro__[:2] for name in vars(kind)}
    async with get_session().create_client("sagemaker-runtime", endpoint_url=sys.argv[1]) as client:
        print(json.dumps([sorted(own), await outcomes(client)]))


if __name__ == "__main__":
    asyncio.run(main())

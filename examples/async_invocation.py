"""Invoke an endpoint asynchronously: the call returns at once, the result is an object later.

A folder stands for S3: `s3://BUCKET/KEY` is FOLDER/BUCKET/KEY. Code that reads its results from S3
has its own way of waiting for them; here a file has to appear.
"""

import json
import time

import sagewire
from sagewire.local import LocalEndpoint, Request


def score(request: Request) -> bytes:
    """Take a while, and refuse what is no table of numbers."""
    time.sleep(0.2)
    rows = [[float(cell) for cell in line.split(b",")] for line in request.body.splitlines()]
    return json.dumps([sum(row) for row in rows]).encode()


def wait_for(*paths):
    """Return the first of the files that is there."""
    while True:
        for path in paths:
            if path.exists():
                return path
        time.sleep(0.01)


with LocalEndpoint({"sums": score}, output_location="s3://results/sums") as endpoint:
    client = sagewire.client(**endpoint.client_arguments)

    # The input is an object, ...
    table = endpoint.s3_path("s3://inputs/table.csv")
    table.parent.mkdir(parents=True)
    table.write_text("1,2\n3,4\n")
    started = time.monotonic()
    stored = client.invoke_endpoint_async(
        EndpointName="sums", InputLocation="s3://inputs/table.csv", ContentType="text/csv"
    )
    print(f"accepted, {'before' if time.monotonic() - started < 0.2 else 'after'} it was done")

    # ... or comes with the call, up to 128,000 bytes.
    inline = client.invoke_endpoint_async(EndpointName="sums", Body=b"1,two", Filename="two.json")

    for answer in (stored, inline):
        output = endpoint.s3_path(answer["OutputLocation"])
        failure = endpoint.s3_path(answer["FailureLocation"])
        if wait_for(output, failure) == output:
            print("result:", json.loads(output.read_text()))
        else:
            print("failure:", json.loads(failure.read_text())["OriginalMessage"])

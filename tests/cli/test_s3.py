"""Asynchronous invocations whose objects are in an S3 that was not written here: moto's.

It verifies each signature with botocore's own signer, and asks IAM whether its maker may.
"""

import json
import logging
import os
import time

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from tests.support.commands import serving
from tests.support.containers import started

PURE = os.environ.get("SAGEWIRE_PURE", "0") != "0"
pytestmark = [
    pytest.mark.skipif(PURE, reason="serve needs the native implementation"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}


class Bucket:
    """The objects of `results` and `inputs`, seen by somebody who may."""

    def __init__(self, url, keys):
        self.url, self.keys = url, keys
        self.client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
        )

    def get(self, location, seconds=30):
        """Return an object once it is there."""
        bucket, _, key = location.removeprefix("s3://").partition("/")
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
            except ClientError:
                assert time.monotonic() < deadline, f"{location} does not appear"
                time.sleep(0.1)


@pytest.fixture(scope="module")
def bucket():
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    anybody = {
        "endpoint_url": url,
        "region_name": "us-east-1",
        "aws_access_key_id": "anybody",
        "aws_secret_access_key": "anything",
    }
    iam = boto3.client("iam", **anybody)
    iam.create_user(UserName="serve")
    iam.put_user_policy(UserName="serve", PolicyName="s3", PolicyDocument=json.dumps(POLICY))
    keys = iam.create_access_key(UserName="serve")["AccessKey"]
    iam.close()
    # From now on calls are looked at.
    before = requests.post(f"{url}/moto-api/reset-auth", data=b"0", timeout=20).json()
    made = Bucket(url, keys)
    for name in ("results", "inputs"):
        made.client.create_bucket(Bucket=name)
    yield made
    made.client.close()
    previous = str(before["PREVIOUS_INITIAL_NO_AUTH_ACTION_COUNT"]).encode()
    requests.post(f"{url}/moto-api/reset-auth", data=previous, timeout=20)
    server.stop()


@pytest.fixture
def file(tmp_path, bucket):
    def write(container):
        path = tmp_path / "serve.toml"
        path.write_text(
            f'[server]\nport = 0\nping_seconds = 0\n[endpoints.e]\nurl = "{container}"\n'
            f'[queue]\ndatabase = "{tmp_path}/queue.redb"\n'
            'output = "s3://results/out"\nfailure = "s3://results/failed"\n'
            f'[queue.s3]\nendpoint = "{bucket.url}"\n'
            f'access_key_id = "{bucket.keys["AccessKeyId"]}"\nsecret_access_key_env = "S3_SECRET"\n'
            '[[credentials]]\naccess_key_id = "AKID"\nsecret_access_key = "S3CRET"\n'
        )
        return str(path)

    return write


def test_inputs_results_and_failures(boto, bucket, file):
    odd = "rows of today/a+b=c~(1)&\u00e9.csv"
    bucket.client.put_object(Bucket="inputs", Key=odd, Body=b"chunked one two")
    with started() as container:
        secret = bucket.keys["SecretAccessKey"]
        with serving("--config", file(container.url), S3_SECRET=secret) as serve:
            client = boto(serve)

            def invoke(**members):
                return client.invoke_endpoint_async(EndpointName="e", **members)

            # A header carries no letters beyond ASCII; as in S3's own URLs they would be escaped.
            plain = "rows of today/a+b=c~(1)&.csv"
            bucket.client.copy_object(
                Bucket="inputs", Key=plain, CopySource={"Bucket": "inputs", "Key": odd}
            )
            answer = invoke(InputLocation=f"s3://inputs/{plain}")
            assert bucket.get(answer["OutputLocation"]) == b"onetwo"
            answer = invoke(
                Body=b"size 300000", Filename="large.bin", S3OutputPathExtension="a(b)'c!*"
            )
            assert answer["OutputLocation"] == "s3://results/out/a(b)'c!*/large.bin"
            assert bucket.get(answer["OutputLocation"]) == b"x" * 300_000
            answer = invoke(Body=b"size 0")
            assert bucket.get(answer["OutputLocation"]) == b""
            answer = invoke(Body=b"status 500 bad row")
            failure = json.loads(bucket.get(answer["FailureLocation"]))
            assert failure["OriginalMessage"] == "bad row"
            for missing in ("s3://inputs/nothing", "s3://nowhere/nothing"):
                answer = invoke(InputLocation=missing)
                failure = json.loads(bucket.get(answer["FailureLocation"]))
                assert failure == {"Message": f"The input at {missing} cannot be read."}


def test_a_wrong_secret_loses_nothing(boto, bucket, file):
    """S3 refuses the results; the next process, with the right secret, brings them there."""
    with started() as container:
        path = file(container.url)
        with serving("--config", path, S3_SECRET="wrong") as serve:
            answer = boto(serve).invoke_endpoint_async(EndpointName="e", Body=b"chunked a b")
            time.sleep(0.5)
        key = answer["OutputLocation"].removeprefix("s3://results/")
        with pytest.raises(ClientError, match="NoSuchKey"):
            bucket.client.get_object(Bucket="results", Key=key)
        with serving("--config", path, S3_SECRET=bucket.keys["SecretAccessKey"]):
            assert bucket.get(answer["OutputLocation"]) == b"ab"

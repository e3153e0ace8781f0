"""`aiobotocore_call.py OPERATION ENDPOINT MEMBERS`: one call of aiobotocore's, told as JSON.

`presign:OPERATION` tells its presigned URL.

It runs in an environment of its own, since aiobotocore is bound to an older botocore than ours.
"""

import asyncio
import json
import sys

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import ClientError


async def call(operation, endpoint, members, body):
    config = AioConfig(retries={"max_attempts": 0}, read_timeout=20)
    async with get_session().create_client("sagemaker-runtime", config=config) as client:
        if operation.startswith("presign:"):
            name = operation.removeprefix("presign:")
            parameters = {"EndpointName": endpoint, **members}
            if name != "invoke_endpoint_async":
                parameters["Body"] = body
            return {"url": await client.generate_presigned_url(name, parameters)}
        try:
            answer = await getattr(client, operation)(EndpointName=endpoint, Body=body, **members)
        except ClientError as error:
            return {"error": error.response["Error"]["Code"]}
        del answer["ResponseMetadata"]
        received = answer.pop("Body", None)
        if hasattr(received, "read"):
            answer["Body"] = (await received.read()).hex()
        elif received is not None:
            answer["Parts"] = parts = []
            try:
                # What came before an error counts.
                async for event in received:
                    parts.append(event["PayloadPart"]["Bytes"].hex())  # noqa: PERF401
            except ClientError as error:
                answer["error"] = error.response["Error"]["Code"]
            received.close()
        return answer


async def main():
    operation, endpoint, members = sys.argv[1:]
    body = sys.stdin.buffer.read()
    print(json.dumps(await call(operation, endpoint, json.loads(members), body)))


asyncio.run(main())

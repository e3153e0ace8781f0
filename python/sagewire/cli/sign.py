r"""Sign a request and print the headers to add, one a line, or with --presign the whole URL.

Credentials and region come from AWS's usual places. With --explain the canonical request and the
string to sign are printed instead, for comparison with what another signer made.

    sagewire sign POST https://runtime.sagemaker.us-east-1.amazonaws.com/endpoints/e/invocations \
        --header 'Content-Type: application/json' --body '{"x": 1}'
"""

from sagewire.cli import WRONG_USE, endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse

    from sagewire.sigv4 import Credentials

SUMMARY = "sign a request"


def add_arguments(parser: "argparse.ArgumentParser") -> None:
    """Add the command's arguments."""
    parser.add_argument("method", metavar="METHOD", help="GET, POST ...")
    parser.add_argument("url", metavar="URL", help="the request's whole URL")
    parser.add_argument(
        "--header", action="append", default=[], metavar="'NAME: VALUE'", help="to be signed too"
    )
    parser.add_argument(
        "--body",
        default="",
        metavar="@FILE|-|TEXT",
        help="a file's content, standard input, or the text itself; empty if absent",
    )
    parser.add_argument("--region", metavar="NAME", help="the region; AWS's sources if absent")
    parser.add_argument("--profile", metavar="NAME", help="the profile of the shared config")
    parser.add_argument("--service", default="sagemaker", help="the service (%(default)s)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--presign", action="store_true", help="print a URL that carries it all")
    form.add_argument("--explain", action="store_true", help="print what is signed")
    parser.add_argument(
        "--expires-in",
        type=int,
        default=3600,
        metavar="SECONDS",
        help="the life of a presigned URL (%(default)s)",
    )


def run(given: "argparse.Namespace") -> int:
    """Sign; return the exit code."""
    from sagewire.exceptions import BotoCoreError
    from sagewire.sigv4 import Signer

    try:
        headers = [_header(text) for text in given.header]
        body = endpoint.body(given.body)
        region, credentials = _identity(given)
        signer = Signer(credentials, region=region, service=given.service)
        request = (given.method, given.url, headers, body)
        if given.presign:
            lines = [signer.presign(*request, expires_in=given.expires_in)]
        elif given.explain:
            lines = [signer.canonical_request(*request), "", signer.string_to_sign(*request)]
        else:
            lines = [f"{name}: {value}" for name, value in signer.sign(*request)]
    except (BotoCoreError, OSError, TypeError, ValueError) as error:
        endpoint.say(error)
        return WRONG_USE
    print("\n".join(lines))  # noqa: T201 - the result
    return 0


def _header(text: str) -> "tuple[str, str]":
    name, colon, value = text.partition(":")
    if not colon:
        raise ValueError(f"--header {text!r}: it has no colon; allowed: 'NAME: VALUE'")
    return name.strip(), value.strip()


def _identity(given: "argparse.Namespace") -> "tuple[str, Credentials]":
    """Return the region and the credentials that a client of these options would use."""
    from sagewire.client.settings import Settings

    settings = Settings(
        service_name="sagemaker-runtime",
        region_name=given.region,
        api_version=None,
        use_ssl=True,
        verify=None,
        endpoint_url=None,
        keys=(None, None, None),
        config=None,
        profile_name=given.profile,
        session=None,
        credentials=None,
    )
    return settings.region, settings.source.current()

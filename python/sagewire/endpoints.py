"""From a region to an endpoint, and from an endpoint's URL to what a request needs of it.

The table of partitions is AWS's, as published in the endpoint rule set of the service.
https://docs.aws.amazon.com/general/latest/gr/sagemaker.html
"""

from sagewire.exceptions import (
    EndpointResolutionError,
    EndpointVariantError,
    HTTPClientError,
    InvalidRegionError,
    NoRegionError,
)

_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HOST_CHARACTERS = _LETTERS_AND_DIGITS | {"-"}
# RFC 3986, section 2: unreserved and sub-delims, and what a path and a query add to them.
_PATH_CHARACTERS = _LETTERS_AND_DIGITS | frozenset("-._~!$&'()*+,;=:@/")
_QUERY_CHARACTERS = _PATH_CHARACTERS | {"?"}
_SCHEME_CHARACTERS = _LETTERS_AND_DIGITS | frozenset("+-.")
# What precedes a URL and is no part of it, as the standard library has it: controls and spaces.
_LEADING = "".join(map(chr, range(0x21)))
_HEXADECIMAL = frozenset("0123456789abcdefABCDEF")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Partition:
    """A family of regions that share a DNS suffix.

    `dual_suffix` is `None` where boto3 knows no dual-stack endpoint; `fips_prefix` is the host's
    first part with FIPS on and dual stack off.
    """

    __slots__ = ("dual_suffix", "fips_prefix", "name", "suffix")

    def __init__(
        self,
        name: str,
        suffix: str,
        dual_suffix: "str | None",
        fips_prefix: str = "runtime.sagemaker-fips",
    ) -> None:
        self.name = name
        self.suffix = suffix
        self.dual_suffix = dual_suffix
        self.fips_prefix = fips_prefix


_AWS = Partition("aws", "amazonaws.com", "api.aws", "runtime-fips.sagemaker")
# What a region begins with, up to the place and the number: `us-gov-west-1` -> `us-gov`.
_PARTITIONS = {
    "cn": Partition("aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"),
    # GovCloud's plain hosts are its FIPS hosts.
    "us-gov": Partition("aws-us-gov", "amazonaws.com", "api.aws", "runtime.sagemaker"),
    "eusc-de": Partition("aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"),
    "us-iso": Partition("aws-iso", "c2s.ic.gov", "api.aws.ic.gov"),
    "us-isob": Partition("aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"),
    "eu-isoe": Partition("aws-iso-e", "cloud.adc-e.uk", None),
    "us-isof": Partition("aws-iso-f", "csp.hci.ic.gov", None),
}
# The European Sovereign Cloud has none.
_PSEUDO_REGIONS = {
    f"{partition.name}-global": partition
    for partition in (_AWS, *_PARTITIONS.values())
    if partition.name != "aws-eusc"
}


def partition_of(region: str) -> Partition:
    """Return the partition that a region belongs to; unknown regions count as `aws`.

    >>> partition_of("eu-central-1").name, partition_of("us-gov-west-1").name
    ('aws', 'aws-us-gov')
    """
    if region in _PSEUDO_REGIONS:
        return _PSEUDO_REGIONS[region]
    family, _, place_and_number = region.rpartition("-")
    family, _, place = family.rpartition("-")
    word = place.replace("_", "")
    if word.isalnum() and place_and_number.isdigit():
        return _PARTITIONS.get(family, _AWS)
    return _AWS


def checked_region(region: "str | None") -> "tuple[str, bool]":
    """Return the region, and whether its name asked for FIPS (`fips-X`, `X-fips`).

    Raises `NoRegionError` for `None` and `InvalidRegionError` for what cannot be part of a host.
    """
    if region is None:
        raise NoRegionError
    if not isinstance(region, str):
        raise TypeError(f"region_name must be str, not {type(region).__name__}")
    # As boto3's expression, an empty name and one trailing newline pass; no such host is valid,
    # so that both end in the error for the endpoint that comes of them.
    label = region.removesuffix("\n")
    if (
        not set(label) <= _HOST_CHARACTERS
        or len(label) > 63
        or label.startswith("-")
        or label.endswith("-")
        or label.isdigit()
    ):
        raise InvalidRegionError(region_name=region)
    # Wherever the word stands, as boto3 has it; what comes of it is checked with the endpoint.
    plain = region.replace("fips-", "").replace("-fips", "")
    return plain, plain != region


def resolve(
    region: "str | None",
    *,
    fips: bool = False,
    dualstack: bool = False,
    endpoint: "str | None" = None,
) -> str:
    """Return the endpoint's URL for a region, or `endpoint` if one is given.

    Raises `EndpointResolutionError` if no endpoint fits the settings.

    >>> resolve("us-east-1", fips=True)
    'https://runtime-fips.sagemaker.us-east-1.amazonaws.com'
    """
    for setting, value in (("UseFIPS", fips), ("UseDualStack", dualstack)):
        if not isinstance(value, bool):
            raise EndpointResolutionError(
                msg=f"Value ({setting}) is the wrong type. Must be <class 'bool'>."
            )
    if endpoint is not None:
        if fips or dualstack:
            what = "FIPS" if fips else "Dualstack"
            raise EndpointResolutionError(
                msg=f"Invalid Configuration: {what} and custom endpoint are not supported"
            )
        return endpoint
    if region is None:
        raise EndpointResolutionError(msg="Invalid Configuration: Missing Region")
    partition = partition_of(region)
    prefix, suffix = "runtime.sagemaker", partition.suffix
    if dualstack:
        if partition.dual_suffix is None:
            raise EndpointVariantError(tags=["dualstack", "fips"] if fips else ["dualstack"])
        prefix, suffix = f"{prefix}-fips" if fips else prefix, partition.dual_suffix
    elif fips:
        prefix = partition.fips_prefix
    return f"https://{prefix}.{region}.{suffix}"


class Origin:
    """An endpoint's URL, taken apart and cleaned once, so that what is signed is what is sent.

    `authority` is as it was given; `host` and `port` are dialled, `host_header` is sent. `path` has
    no slash at its end and is followed by the operation's path; `query` is empty or begins with
    `?`. `url` is scheme and host.
    """

    __slots__ = ("authority", "host", "host_header", "path", "port", "query", "scheme", "url")

    def __init__(self, endpoint_url: str) -> None:
        scheme, rest = _split_scheme(endpoint_url)
        rest, _, _ = rest.partition("#")
        rest, question_mark, query = rest.partition("?")
        self.authority, slash, path = rest.partition("/")
        host, port = _split_authority(self.authority)
        if scheme not in _DEFAULT_PORTS:
            raise HTTPClientError(error=f"Not supported URL scheme {scheme}")
        self.scheme = scheme
        self.port = _port_number(port, path) if port else _DEFAULT_PORTS[scheme]
        self.host = host.strip("[]")
        self.host_header = host.removesuffix(".")
        address, percent, zone = self.host.partition("%")
        if percent:
            # A link-local address: the zone says by which way to reach it, and means nothing there.
            self.host = f"{address}%{zone.removeprefix('25')}"
            self.host_header = f"[{address}]"
        if self.port != _DEFAULT_PORTS[scheme]:
            self.host_header += f":{self.port}"
        self.url = f"{scheme}://{self.host_header}"
        # One slash goes where the URL ends with one and the operation's path begins with one.
        self.path = _escaped(slash + path, _PATH_CHARACTERS).removesuffix("/")
        self.query = question_mark + _escaped(query, _QUERY_CHARACTERS) if query else ""


def check_url(endpoint_url: str) -> None:
    """Raise `ValueError` if there is no host in the URL that could be dialled."""
    if not isinstance(endpoint_url, str):
        raise TypeError(f"endpoint_url must be str, not {type(endpoint_url).__name__}")
    authority = _split_scheme(endpoint_url)[1]
    for end in "/?#":
        authority = authority.partition(end)[0]
    host, port = _split_authority(authority)
    # A port that is no number is found out when the first call connects, as in boto3.
    brackets = set("[]") & set(port)
    if set("\t\r\n") & set(endpoint_url) or brackets or not (_is_address(host) or _is_name(host)):
        # Whatever stands in front of the host may be somebody's password.
        before, at, after = endpoint_url.rpartition("@")
        scheme, separator, _ = before.rpartition("://")
        shown = f"{scheme}{separator}***@{after}" if at else endpoint_url
        raise ValueError(f"Invalid endpoint: {shown}")


def _split_scheme(url: str) -> "tuple[str, str]":
    url = url.lstrip(_LEADING)
    if url.startswith("//"):
        return "http", url[2:]  # as boto3's HTTP library has it
    scheme, separator, rest = url.partition("://")
    if not separator or not scheme[:1].isalpha() or not set(scheme) <= _SCHEME_CHARACTERS:
        return "", ""
    return scheme.lower(), rest


def _split_authority(authority: str) -> "tuple[str, str]":
    host_and_port = authority.rpartition("@")[2].lower()
    if host_and_port.startswith("["):
        address, bracket, port = host_and_port.partition("]")
        return address + bracket, port.removeprefix(":")
    host, _, port = host_and_port.partition(":")
    return host, port


def _is_address(host: str) -> bool:
    if not (host.startswith("[") and host.endswith("]")):
        return False
    import socket

    try:
        socket.inet_pton(socket.AF_INET6, host[1:-1].partition("%")[0])
    except (OSError, ValueError):
        return False
    return True


def _is_name(host: str) -> bool:
    labels = host.removesuffix(".").split(".")
    return len(host) <= 255 and all(
        0 < len(label) <= 63
        and set(label) <= _HOST_CHARACTERS
        and not label.startswith("-")
        and not label.endswith("-")
        for label in labels
    )


def _port_number(text: str, rest: str) -> int:
    if not (text.isascii() and text.isdigit()):
        # With an @ behind it, it is not the port: a password, perhaps, that has a slash in it.
        shown = "***" if "@" in rest else repr(text)
        raise ValueError(f"Port could not be cast to integer value as {shown}")
    port = int(text)
    if port > 65535:
        raise ValueError("Port out of range 0-65535")
    return port


def _escaped(text: str, allowed: "frozenset[str]") -> str:
    """Percent-encode what may not stand in a URL; escapes that are there stay, in upper case."""
    if set(text) <= allowed:
        return text
    pieces = []
    position = 0
    while position < len(text):
        character = text[position]
        escape = text[position : position + 3]
        if character == "%" and len(escape) == 3 and set(escape[1:]) <= _HEXADECIMAL:
            pieces.append(escape.upper())
            position += 3
            continue
        if character in allowed:
            pieces.append(character)
        else:
            pieces += [f"%{byte:02X}" for byte in character.encode("utf-8")]
        position += 1
    return "".join(pieces)

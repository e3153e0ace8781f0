"""The members that travel as headers: whether they may be so, and what the model sees of them.

Twin: rust/net/src/server/members.rs.
"""

import re
import uuid

from sagewire._pure.headers import filter_request
from sagewire._pure.server import errors
from sagewire._pure.server.sessions import NEW_SESSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    Pairs = list[tuple[str, str]]

COMPONENT = "x-amzn-sagemaker-inference-component"
FILENAME = "x-amzn-sagemaker-filename"
INFERENCE_ID = "x-amzn-sagemaker-inference-id"
INPUT_LOCATION = "x-amzn-sagemaker-inputlocation"
OUTPUT_EXTENSION = "x-amzn-sagemaker-s3outputpathextension"
PREFIX_AWARE_ID = "x-amzn-sagemaker-prefix-aware-id"
SESSION_ID = "x-amzn-sagemaker-session-id"
TARGET_VARIANT = "x-amzn-sagemaker-target-variant"
TIMEOUT_SECONDS = "x-amzn-sagemaker-invocationtimeoutseconds"
TTL_SECONDS = "x-amzn-sagemaker-requestttlseconds"

# What the API calls otherwise than the container contract does.
RENAMED = {"x-amzn-sagemaker-accept": "accept", "x-amzn-sagemaker-content-type": "content-type"}
# What is between the caller and the queue, which checks it, and does not concern the model.
OF_THE_QUEUE = frozenset((FILENAME, INPUT_LOCATION, OUTPUT_EXTENSION, TIMEOUT_SECONDS, TTL_SECONDS))

NAME = "[a-zA-Z0-9](-*[a-zA-Z0-9])*"
PATTERN = "Member must satisfy regular expression pattern: "
# What a member's text may be, and how the service says so.
NAMES = re.compile(NAME), f"{PATTERN}^{NAME}$"
SESSIONS = re.compile(f"{NEW_SESSION}|{NAME}"), f"{PATTERN}^({NEW_SESSION})$|^{NAME}$"
PRINTABLE = re.compile(r"[^ \t][^\t]*"), PATTERN + r"\A\S[\p{Print}]*\z"
ASCII = re.compile(r"[\x00-\x7f]*"), "Member must consist of visible ASCII characters"
# Header: its name in errors, its length in characters, its form.
MEMBERS = {
    "x-amzn-sagemaker-custom-attributes": ("customAttributes", 1024, ASCII),
    "x-amzn-sagemaker-target-model": ("targetModel", 1024, PRINTABLE),
    TARGET_VARIANT: ("targetVariant", 63, NAMES),
    "x-amzn-sagemaker-target-container-hostname": ("targetContainerHostname", 63, NAMES),
    INFERENCE_ID: ("inferenceId", 64, PRINTABLE),
    "x-amzn-sagemaker-enable-explanations": ("enableExplanations", 64, ASCII),
    COMPONENT: ("inferenceComponentName", 63, NAMES),
    SESSION_ID: ("sessionId", 256, SESSIONS),
    PREFIX_AWARE_ID: ("prefixAwareId", 64, PRINTABLE),
}


class Members:
    """The members of one request that came as headers; valid ones, or the service's error."""

    __slots__ = ("_pairs", "inference_id")

    def __init__(self, operation: str, headers: "Pairs") -> None:
        self._pairs = filter_request(headers, operation)
        for name, value in self._pairs:
            _check(name, value)
        given = self.get(INFERENCE_ID)
        self.inference_id = given or str(uuid.uuid4())
        if given is None:
            self._pairs.append((INFERENCE_ID, self.inference_id))

    def get(self, name: str) -> "str | None":
        """Return a member by the name of its header."""
        return next((value for known, value in self._pairs if known == name), None)

    def for_model(self) -> "Pairs":
        """Return the headers that the model sees."""
        return [
            (RENAMED.get(name, name), value)
            for name, value in self._pairs
            if name not in OF_THE_QUEUE
        ]


def _check(name: str, value: str) -> None:
    if name not in MEMBERS:
        return
    member, longest, (form, constraint) = MEMBERS[name]
    if len(value) > longest:
        constraint = f"Member must have length less than or equal to {longest}"
        raise errors.invalid_member(member, constraint)
    if not form.fullmatch(value):
        raise errors.invalid_member(member, constraint)

"""What an operation's table is made of: members with their places, and the operation itself."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal


class Member:
    """One member of an operation's input or output.

    `name` is the keyword or result key. `place` says where it travels: in the path, in the header
    called `header`, or as the body. `minimum` is the least length of a text and the least value of
    an integer, `None` where the model states none that clients check.
    """

    __slots__ = ("header", "minimum", "name", "place", "type")

    def __init__(
        self,
        name: str,
        place: "Literal['path', 'header', 'body']",
        header: "str | None" = None,
        *,
        type: "Literal['string', 'integer', 'blob', 'stream', 'json']" = "string",  # noqa: A002 - the model's word
        minimum: "int | None" = None,
    ) -> None:
        self.name = name
        self.place = place
        self.header = header
        self.type = type
        self.minimum = minimum

    def __repr__(self) -> str:
        return f"Member({self.name!r}, {self.place!r}, {self.header!r})"


class Operation:
    """One operation: how it is called, where its members go, and what it may answer.

    `name` is the API's name, `method` the client's. `path` is the part after the endpoint's name.
    `inputs` and `outputs` stand in model order, which is the order of reports and of result keys.
    `errors` are the names of the operation's modeled errors. `body_limit` is the most bytes of a
    body that the service takes, by default more than there are.
    """

    __slots__ = (
        "body_limit",
        "body_type",
        "errors",
        "inputs",
        "method",
        "name",
        "nonempty",
        "outputs",
        "path",
        "required",
        "response_headers",
        "streams",
        "text_headers",
    )

    def __init__(
        self,
        name: str,
        *,
        method: str,
        path: str,
        required: "tuple[str, ...]",
        inputs: "tuple[Member, ...]",
        outputs: "tuple[Member, ...]",
        errors: "tuple[str, ...]",
        body_limit: int = 1 << 62,
    ) -> None:
        self.name = name
        self.method = method
        self.path = path
        self.required = required
        self.inputs = inputs
        self.outputs = outputs
        self.body_limit = body_limit
        self.errors = frozenset(errors)
        # What a call looks at for every keyword: text members by name, and those never empty.
        self.text_headers = {m.name: m.header for m in inputs if m.header and m.type == "string"}
        self.response_headers = tuple((m.name, m.header.lower()) for m in outputs if m.header)
        # Whether the caller reads the body of an answer, or the call does.
        self.body_type = next((m.type for m in outputs if m.place == "body"), None)
        self.streams = self.body_type in ("blob", "stream")
        self.nonempty = frozenset(m.name for m in inputs if m.type == "string" and m.minimum)

    def __repr__(self) -> str:
        return f"Operation({self.name!r})"

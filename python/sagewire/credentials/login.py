"""`login_session`: a session of the AWS console, by way of botocore, where that can do it.

Its refresh proves the possession of a key (DPoP, RFC 9449), for which botocore needs awscrt. It is
a developer's source: nothing is gained by a second implementation.
"""

from sagewire.credential_exceptions import MissingDependencyException
from sagewire.credentials.session import FromSession

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sagewire.credentials.profiles import Profile
    from sagewire.credentials.sources import Source


def load(profile: "Profile") -> "Source | None":
    """Return the session's credentials, `None` if the profile has no `login_session`.

    Raises `MissingDependencyException` without botocore and awscrt, and what botocore raises.
    """
    if "login_session" not in profile.settings:
        return None
    try:
        import botocore.credentials
        import botocore.session
    except ImportError:
        # In boto3's words for itself without awscrt, which botocore finds out below.
        raise MissingDependencyException(
            msg="Using the login credential provider requires an additional dependency. You will "
            'need to pip install "botocore[crt]" before proceeding.'
        ) from None
    session = botocore.session.Session(profile=profile.name)
    resolver = botocore.credentials.create_credential_resolver(session)
    return FromSession(resolver.get_provider("login").load())

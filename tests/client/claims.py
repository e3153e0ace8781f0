"""Which recorded cases this release does not claim: the beginnings of their ids, and why."""

NOT_YET = {
    "wire-conf-sigver-v4-query": "query signatures for calls: refused with InvalidConfigError",
    "wire-conf-sigver-s3v4-query": "query signatures for calls: refused with InvalidConfigError",
    "wire-retry-adaptive": "the adaptive retry mode comes with a later release",
    "wire-retry-new2026-adaptive": "the adaptive retry mode comes with a later release",
    "config-process": "credential processes come with a later release",
    "config-role": "assumed roles come with a later release",
    "config-web": "web identities come with a later release",
    "config-ecs": "container credentials come with a later release",
    "config-imds": "instance metadata comes with a later release",
    "config-sso": "IAM Identity Center comes with a later release",
    "config-login": "console logins come with a later release",
    "config-cred-boto-config": "boto 2 config files come with a later release",
    "config-cred-dot-boto": "boto 2 config files come with a later release",
    "config-cred-boto3-token-only": "an argument of boto3.Session; client() ignores it",
    "config-cred-boto3-account-only": "an argument of boto3.Session; client() ignores it",
}


def reason_not_yet(case_id: str) -> str | None:
    for prefix, reason in NOT_YET.items():
        if case_id.startswith(prefix):
            return reason
    return None

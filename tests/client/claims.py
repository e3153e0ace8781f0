"""Which recorded cases this release does not claim: the beginnings of their ids, and why."""

NOT_YET = {
    "wire-retry-adaptive": "the adaptive retry mode comes with a later release",
    "wire-retry-new2026-adaptive": "the adaptive retry mode comes with a later release",
}


def reason_not_yet(case_id: str) -> str | None:
    for prefix, reason in NOT_YET.items():
        if case_id.startswith(prefix):
            return reason
    return None

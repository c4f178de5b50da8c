"""Who is not acted on: the policy's entries and the operators' live `allow` decisions."""

from stream_detector.domain.decisions import Action, Decision, Origin, SubjectKind


class Allowlist:
    """Client -> event time until which it is allowed (a `following.View`)."""

    def __init__(self) -> None:
        self.allowed_until: dict[str, float] = {}

    def clear(self) -> None:
        """Forget every entry."""
        self.allowed_until.clear()

    def take(self, decision: Decision) -> None:
        """Enter a client, or strike it off."""
        if decision.origin is not Origin.OPERATOR or decision.subject.kind is not SubjectKind.CLIENT:
            return
        if decision.action is Action.ALLOW:
            self.allowed_until[decision.subject.key] = decision.expires_at
        else:
            self.allowed_until.pop(decision.subject.key, None)

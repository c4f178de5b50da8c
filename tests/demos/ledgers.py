"""Decisions and ledgers for the demo's tests."""

from stream_detector.demo.ledger import Answer, Ledger, Truth
from stream_detector.domain.decisions import Action, Decision, Limit, Mode, Reason, Subject, SubjectKind
from stream_detector.domain.signals import Family

START = 1_795_251_600.0
"""09:00 UTC."""
HOSTILE = "[red]<script>alert(1)</script>&\"'"


def decision(client: str, action: Action, at: float, *, mode: Mode = Mode.ENFORCE, risk: float = 0.9) -> Decision:
    """A decision about a client, `at` seconds after START."""
    return Decision(
        subject=Subject(SubjectKind.CLIENT, client),
        action=action,
        mode=mode,
        limit=Limit(10, 60.0) if action is Action.THROTTLE else None,
        risk=risk,
        reasons=(
            Reason("volume_spike", Family.VOLUME, 0.8, 1.5, {"calls": 12.0}),
            Reason("shared_template", Family.COORDINATION, 0.99, 4.5, {"clients": 40.0}),
        ),
        policy_version="1",
        decided_at=START + at,
        expires_at=START + at + 3600,
    )


def ledger_of_a_caught_campaign() -> Ledger:
    """Two members of `sweep`, one of them blocked after three calls, and two honest clients, one throttled."""
    ledger = Ledger(
        {
            "thief-1": Truth("sweep", is_attacker=True),
            "thief-2": Truth("sweep", is_attacker=True),
            "thief-3": Truth("asleep", is_attacker=True),
            "nightly": Truth("nightly evaluation", is_attacker=False),
            "quiet": Truth("developer", is_attacker=False),
        }
    )
    ledger.called("quiet", START, Answer.PASSED)
    for at in (60, 120, 180):
        ledger.called("thief-1", START + at, Answer.PASSED)
    ledger.decided(decision("thief-1", Action.THROTTLE, 120, risk=0.7), 100.0)
    ledger.decided(decision("thief-1", Action.BLOCK, 180), 300.0)
    ledger.called("thief-2", START + 200, Answer.PASSED)
    ledger.called("thief-1", START + 240, Answer.BLOCKED)
    ledger.called("nightly", START + 300, Answer.PASSED)
    ledger.decided(decision("nightly", Action.THROTTLE, 300), 200.0)
    ledger.called("nightly", START + 360, Answer.THROTTLED)
    ledger.sent = ledger.observed = ledger.calls
    return ledger

"""The ladder: risk and standing → the next action, if it changes.

Rules:
1. A block needs two of the families that count for one (`fuse.Risk.families`), one of them hard. Volume, timing and content
   tell how hard a client works and on what: an evaluation or a backfill works as hard as a campaign. They throttle, and never
   block without the other.
2. Up at once; down only at expiry, and only when the risk is below the rung's `release` (hysteresis).
3. A decision lasts `duration * factor ** strikes`, capped.
4. A mark is no strike: nothing is taken from the client.
5. Evidence of shadow detectors alone leads to shadow decisions.
"""

from msgspec import Struct

from stream_detector.detection.fuse import HARD, Risk
from stream_detector.detection.policy import Block, Mark, Policy, Throttle
from stream_detector.detection.profile import EVALUATE_S, Standing
from stream_detector.domain.decisions import Action, Mode

_BLOCK_FAMILIES = 2
_RENEW_SHARE = 0.1
"""A decision is renewed in the last part of its life, so that no gap opens."""
_HOLD_S = EVALUATE_S
"""A quiet client's next evaluation may come so long after its decision ended."""
_RELEASE_S = 3600.0
"""How long the decision that releases a client stands: long enough for every hook to hear it."""
_HEIGHT = {Action.ALLOW: 0, Action.MARK: 1, Action.THROTTLE: 2, Action.BLOCK: 3}


class Step(Struct, frozen=True):
    """What to do now."""

    action: Action
    mode: Mode
    duration_s: float
    strikes: int
    """Decisions on the client so far, this one included."""
    renewed: bool
    """Whether a live decision of the same mode is renewed or raised, rather than a new one made."""
    note: str = ""


def climb(policy: Policy, standing: Standing, enforced: Risk, every: Risk, now_s: float) -> Step | None:
    """The step to take, or None to leave things as they are.

    Args:
        policy: the policy in force.
        standing: where the client stands; not changed.
        enforced: risk from the evidence of enforcing detectors.
        every: risk from all evidence, shadow detectors too.
        now_s: event time.
    """
    action, mode = _wanted(policy, _held(standing, policy.mode, now_s), enforced), policy.mode
    if action is Action.ALLOW:
        action, mode = _wanted(policy, _held(standing, Mode.SHADOW, now_s), every), Mode.SHADOW
    if action is Action.ALLOW:
        return None
    live = standing.expires_at > now_s and standing.action is not Action.ALLOW
    rung = _rung(policy, action)
    if live and _covers(standing, action, mode):
        remaining_s = standing.expires_at - now_s
        if remaining_s > _RENEW_SHARE * _duration(policy, rung, max(0, standing.strikes - 1)):
            return None
    renewed = live and standing.mode is mode and standing.action in {action, Action.THROTTLE, Action.BLOCK}
    strikes = _strikes(policy, standing, now_s)
    duration_s, struck = _duration(policy, rung, strikes), int(action is not Action.MARK)
    return Step(action, mode, duration_s, strikes + struck, renewed, "renewed or raised" if renewed else "")


def confirm(policy: Policy, standing: Standing, now_s: float) -> Step:
    """The step after an analyst confirmed the suspicion: a block, whatever the evidence."""
    strikes = _strikes(policy, standing, now_s)
    return Step(Action.BLOCK, policy.mode, _duration(policy, policy.block, strikes), strikes + 1, renewed=True)


def release(standing: Standing) -> Step:
    """The step after an analyst dismissed it: what stands is cancelled, and was no strike."""
    return Step(Action.ALLOW, standing.mode, _RELEASE_S, max(0, standing.strikes - 1), renewed=True)


def _held(standing: Standing, mode: Mode, now_s: float) -> Action:
    """The action that stands in this mode, or did until a moment ago: what hysteresis holds on to."""
    return standing.action if standing.expires_at + _HOLD_S > now_s and standing.mode is mode else Action.ALLOW


def _wanted(policy: Policy, held: Action, risk: Risk) -> Action:
    """The rung that this risk deserves, holding on to the present one down to its release."""
    block_from = policy.block.release if held is Action.BLOCK else policy.block.risk
    if len(risk.families) >= _BLOCK_FAMILIES and risk.families & HARD and risk.value >= block_from:
        return Action.BLOCK
    throttle_from = policy.throttle.release if _HEIGHT[held] >= _HEIGHT[Action.THROTTLE] else policy.throttle.risk
    if risk.value >= throttle_from:
        return Action.THROTTLE
    mark_from = policy.mark.release if held is Action.MARK else policy.mark.risk
    return Action.MARK if policy.mark.risk > 0 and risk.value >= mark_from else Action.ALLOW


def _covers(standing: Standing, action: Action, mode: Mode) -> bool:
    """Whether the live decision is at least as strong as the wanted one."""
    if standing.mode is Mode.SHADOW and mode is Mode.ENFORCE:
        return False
    if standing.mode is Mode.ENFORCE and mode is Mode.SHADOW:
        return True
    return _HEIGHT[standing.action] >= _HEIGHT[action]


def _strikes(policy: Policy, standing: Standing, now_s: float) -> int:
    return 0 if now_s - standing.expires_at > policy.repeat.forget_s else standing.strikes


def _rung(policy: Policy, action: Action) -> Mark | Throttle | Block:
    match action:
        case Action.BLOCK:
            return policy.block
        case Action.THROTTLE:
            return policy.throttle
        case _:
            return policy.mark


def _duration(policy: Policy, rung: Mark | Throttle | Block, strikes: int) -> float:
    if isinstance(rung, Mark):
        return rung.duration_s
    return min(rung.duration_s * policy.repeat.factor ** min(strikes, 32), policy.repeat.max_duration_s)

"""The engine: one call in, at most one decision out. Scores before it learns; learns nothing from a suspect.

The engine itself holds settings only: all state is in the profile and the partition that it is given.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct

from stream_detector.detection import outlier
from stream_detector.detection.context import Context
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.features import extract
from stream_detector.detection.feedback import judged
from stream_detector.detection.hashing import hash64
from stream_detector.detection.ladder import Step, climb, confirm, release
from stream_detector.detection.partition import Partition
from stream_detector.detection.policy import DetectorMode, Policy
from stream_detector.detection.population import NOBODY, Neighbours
from stream_detector.detection.profile import Profile, Standing
from stream_detector.detection.purpose_model import elicitation, vector
from stream_detector.detection.segment import Segment
from stream_detector.detection.valve import Valve
from stream_detector.detection.weigh import Evidence, Scales
from stream_detector.domain.calls import ApiCall
from stream_detector.domain.decisions import Action, Decision, Mode, Source, Subject, SubjectKind
from stream_detector.domain.feedback import Feedback, Judgement
from stream_detector.domain.population import TemplateUse
from stream_detector.domain.signals import Scored, Signal

_HOUR_S = 3600
VALVE_NOTE = "safety valve: too many clients would be acted on at once"


OnEvaluation = Callable[[str, float, Evidence], None]
"""Told the client, event time and evidence of every evaluation, before the ladder."""


class Scope(Struct, frozen=True):
    """What a client's partition brings along."""

    partition: Partition
    neighbours: Neighbours
    allowed_until: Mapping[str, float]
    """Allowlisted client -> event time of the entry's end."""


class Engine:
    """Runs detectors, calibration, fusion and the ladder."""

    def __init__(
        self, detectors: Sequence[Detector], policy: Policy, on_evaluation: OnEvaluation | None = None
    ) -> None:
        self._policy = policy
        self._on_evaluation = on_evaluation
        self._detectors = tuple(d for d in detectors if policy.of(d.name).mode is not DetectorMode.OFF)
        self._scales = Scales(detectors, policy)
        self._outlier = policy.of(outlier.NAME).mode is not DetectorMode.OFF
        self.readings: Counter[tuple[str, str]] = Counter()
        """(detector, "scored" or "warming") -> count since the reader last cleared it."""

    def observe(
        self,
        call: ApiCall,
        source: Source,
        profile: Profile,
        scope: Scope,
    ) -> Decision | None:
        """Take in one call of a client; now and then this leads to an evaluation, and that to a decision.

        Args:
            call: with its sketch, if it has a prompt.
            source: where it came from.
            profile: the client's; changed.
            scope: the client's partition; changed.
        """
        is_new = profile.calls == 0
        profile.observe(call)
        if is_new:
            scope.partition.population.meet(profile)
        scope.partition.valve.count(profile, call.ts)
        if not profile.due():
            return None
        scope.partition.population.spot(profile)
        sighted = scope.partition.population.sight(profile)
        if sighted is not None:
            scope.neighbours.unreported.add(sighted)
        return self._evaluate(call.client, source, profile, scope)

    def hear(self, feedback: Feedback, source: Source, profile: Profile, scope: Scope) -> Decision | None:
        """Take in an analyst's judgement: once, and in every partition; only one of them knows the client.

        Args:
            feedback: the judgement.
            source: where it came from.
            profile: the client's; changed. Untouched where the partition does not know the client.
            scope: the partition; changed.
        """
        partition = scope.partition
        if not partition.experience.is_new(feedback):
            return None
        if profile.calls == 0:
            partition.experience.learn(feedback.feedback, feedback.reasons)
            return None
        segment, context = _surroundings(profile, scope)
        signals = self._score(profile, segment, context)
        evidence = self._scales.weigh(signals, segment, profile, partition.experience)
        reasons = feedback.reasons or evidence.every.reasons
        partition.experience.learn(feedback.feedback, reasons)
        partition.purposes.learn(vector(profile.purposes), feedback.feedback is Judgement.CONFIRM)
        profile.judged = judged(feedback, reasons)
        profile.evaluated_ts = max(profile.last_ts, feedback.ts)
        if feedback.feedback is Judgement.DISMISS:
            segment.excuse(signals)
            step = release(profile.standing)
        else:
            step = confirm(self._policy, profile.standing, profile.evaluated_ts)
        step = msgspec.structs.replace(step, note=f"{feedback.feedback} by an analyst: {feedback.reason}")
        return self._decide(feedback.client, source, profile, step, evidence)

    def _evaluate(self, client: str, source: Source, profile: Profile, scope: Scope) -> Decision | None:
        now_s = profile.last_ts
        profile.evaluated_calls = profile.calls
        profile.evaluated_ts = now_s
        segment, context = _surroundings(profile, scope)
        signals = self._score(profile, segment, context)
        evidence = self._scales.weigh(signals, segment, profile, scope.partition.experience)
        if self._on_evaluation is not None:
            self._on_evaluation(client, now_s, evidence)
        standing = profile.standing
        standing.risk = evidence.enforced.value
        decision = None
        if scope.allowed_until.get(client, 0.0) > now_s:
            profile.standing = Standing(strikes=standing.strikes, risk=standing.risk)
        else:
            step = climb(self._policy, standing, evidence.enforced, evidence.every, now_s)
            if step is not None:
                step = self._through_valve(client, step, scope.partition.valve, now_s)
                decision = self._decide(client, source, profile, step, evidence)
        self._learn(profile, segment, context, signals, scope.partition)
        return decision

    def _score(self, profile: Profile, segment: Segment, context: Context) -> list[Signal]:
        signals = [Signal(d.name, d.family, d.score(profile, context)) for d in self._detectors]
        if self._outlier:
            signals.append(Signal(outlier.NAME, outlier.FAMILY, segment.outlier.score(context.features.vector)))
        for signal in signals:
            self.readings[signal.detector, "scored" if isinstance(signal.reading, Scored) else "warming"] += 1
        return signals

    def _through_valve(self, client: str, step: Step, valve: Valve, now_s: float) -> Step:
        """The step, or its shadow while the valve is open. What stands already is no new action."""
        harmless = step.mode is Mode.SHADOW or step.action is Action.MARK
        if harmless or step.renewed or valve.admits(client, now_s, self._policy.valve):
            return step
        return msgspec.structs.replace(step, mode=Mode.SHADOW, note=VALVE_NOTE)

    def _decide(self, client: str, source: Source, profile: Profile, step: Step, evidence: Evidence) -> Decision | None:
        now_s, standing = profile.evaluated_ts, profile.standing
        standing_now = standing.expires_at > now_s and standing.action is step.action and standing.mode is step.mode
        if standing_now and not step.renewed:
            return None
        _stand(standing, step, now_s)
        risk = evidence.enforced if step.mode is self._policy.mode else evidence.every
        return Decision(
            subject=Subject(SubjectKind.CLIENT, client),
            action=step.action,
            mode=step.mode,
            limit=self._policy.throttle.limit() if step.action is Action.THROTTLE else None,
            mark=f"{hash64(f'{client} {now_s!r}'):016x}" if self._marks(step.action) else "",
            risk=risk.value,
            reasons=risk.reasons,
            note=step.note,
            policy_version=self._policy.version,
            decided_at=now_s,
            expires_at=standing.expires_at,
            source=source,
        )

    def _marks(self, action: Action) -> bool:
        return action is Action.MARK or (action is Action.THROTTLE and self._policy.throttle.mark)

    def _learn(
        self, profile: Profile, segment: Segment, context: Context, signals: Sequence[Signal], partition: Partition
    ) -> None:
        now_s = context.now_s
        acted_on = profile.standing.expires_at > now_s and profile.standing.action in {Action.THROTTLE, Action.BLOCK}
        hour = int(now_s // _HOUR_S)
        if not acted_on and hour > profile.learned_hour:
            profile.learned_hour = hour
            profile.votes += 1
            if segment.learn(context.features, signals):
                partition.everyone.learn(context.features)
                partition.kinds.learn(context.features)
                if profile.texts.lend():
                    segment.texts.learn(profile.texts)
                    partition.texts.learn(profile.texts)
        if profile.standing.risk < self._policy.observe_risk and not acted_on:
            profile.rate.learn()


def _surroundings(profile: Profile, scope: Scope) -> tuple[Segment, Context]:
    """The client's segment, and what detectors look at."""
    population = scope.partition.population
    features = extract(profile)
    segment = scope.partition.segment(profile, features)
    here = population.use_of(features.template)
    other = scope.neighbours.elsewhere.get(features.template, NOBODY)
    context = Context(
        now_s=profile.last_ts,
        features=features,
        norms=segment.norms.or_else(scope.partition.everyone),
        template=TemplateUse(here.members + other.members, here.young + other.young),
        young_rate=population.young_rate(),
        fresh_rate=population.fresh_rate(),
        hot_templates=population.hot,
        released=population.released(profile.last_ts),
        texts=segment.texts.or_else(scope.partition.texts),
        elicitation=elicitation(profile.purposes, scope.partition.purposes),
    )
    return segment, context


def _stand(standing: Standing, step: Step, now_s: float) -> None:
    standing.action = step.action
    standing.mode = step.mode
    standing.expires_at = now_s + step.duration_s
    standing.strikes = step.strikes

"""The table of families."""

from collections.abc import Mapping

from stream_detector.simulate.campaigns import copying, grading, moving, probing
from stream_detector.simulate.campaigns.campaign import Family
from stream_detector.simulate.campaigns.members import Contents

FAMILIES: Mapping[Family, Contents] = {
    Family.HOT_DISTILLER: copying.hot_distiller,
    Family.EVOLVED_INSTRUCTIONS: copying.evolved_instructions,
    Family.BARE_QUESTIONS: copying.bare_questions,
    Family.RUBRIC_JUDGE: grading.rubric_judge,
    Family.REASONING_EXTRACTION: copying.reasoning_extraction,
    Family.LOGIT_PROBER: probing.logit_prober,
    Family.CAPABILITY_SWEEP: grading.capability_sweep,
    Family.BOUNDARY_PROBING: probing.boundary_probing,
    Family.TECHNIQUE_SEARCH: probing.technique_search,
    Family.TEMPLATE_POOL: copying.template_pool,
    Family.RELEASE_PIVOT: moving.release_pivot,
    Family.RAMP: moving.ramp,
    Family.LOW_AND_SLOW: moving.low_and_slow,
    Family.TAKEOVER: moving.takeover,
}
"""Family -> what one of its accounts does."""

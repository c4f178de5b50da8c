"""All detectors."""

from stream_detector.detection import outlier
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.benchmark_sweep import BenchmarkSweep
from stream_detector.detection.detectors.boundary_probe import BoundaryProbe
from stream_detector.detection.detectors.clock_phase import ClockPhase
from stream_detector.detection.detectors.cold_start import ColdStart
from stream_detector.detection.detectors.coverage import Coverage
from stream_detector.detection.detectors.data_generation import DataGeneration
from stream_detector.detection.detectors.distribution_shift import DistributionShift
from stream_detector.detection.detectors.duty_cycle import DutyCycle
from stream_detector.detection.detectors.evasion_response import EvasionResponse
from stream_detector.detection.detectors.extraction_budget import ExtractionBudget
from stream_detector.detection.detectors.focus import Focus
from stream_detector.detection.detectors.machine_timing import MachineTiming
from stream_detector.detection.detectors.network_fanout import NetworkFanout
from stream_detector.detection.detectors.network_hops import NetworkHops
from stream_detector.detection.detectors.output_yield import OutputYield
from stream_detector.detection.detectors.parameter_probe import ParameterProbe
from stream_detector.detection.detectors.reasoning_elicitation import ReasoningElicitation
from stream_detector.detection.detectors.release_pivot import ReleasePivot
from stream_detector.detection.detectors.reward_grading import RewardGrading
from stream_detector.detection.detectors.shared_template import SharedTemplate
from stream_detector.detection.detectors.sustained_ramp import SustainedRamp
from stream_detector.detection.detectors.takeover import Takeover
from stream_detector.detection.detectors.technique_search import TechniqueSearch
from stream_detector.detection.detectors.template_reuse import TemplateReuse
from stream_detector.detection.detectors.volume_spike import VolumeSpike


def build_all() -> tuple[Detector, ...]:
    """Every detector, with its default settings."""
    return (
        VolumeSpike(),
        SustainedRamp(),
        ColdStart(),
        MachineTiming(),
        DutyCycle(),
        ClockPhase(),
        TemplateReuse(),
        Coverage(),
        DistributionShift(),
        Focus(),
        NetworkFanout(),
        NetworkHops(),
        Takeover(),
        ParameterProbe(),
        ExtractionBudget(),
        SharedTemplate(),
        ReleasePivot(),
        EvasionResponse(),
        ReasoningElicitation(),
        RewardGrading(),
        BoundaryProbe(),
        TechniqueSearch(),
        DataGeneration(),
        BenchmarkSweep(),
        OutputYield(),
    )


def names() -> frozenset[str]:
    """What a policy may name: every detector, and the segment's outlier model."""
    return frozenset(detector.name for detector in build_all()) | {outlier.NAME}

"""All detectors."""

from stream_detector.detection import outlier
from stream_detector.detection.detectors.base import Detector
from stream_detector.detection.detectors.cold_start import ColdStart
from stream_detector.detection.detectors.coverage import Coverage
from stream_detector.detection.detectors.extraction_budget import ExtractionBudget
from stream_detector.detection.detectors.machine_timing import MachineTiming
from stream_detector.detection.detectors.network_fanout import NetworkFanout
from stream_detector.detection.detectors.parameter_probe import ParameterProbe
from stream_detector.detection.detectors.shared_template import SharedTemplate
from stream_detector.detection.detectors.template_reuse import TemplateReuse
from stream_detector.detection.detectors.volume_spike import VolumeSpike


def build_all() -> tuple[Detector, ...]:
    """Every detector, with its default settings."""
    return (
        VolumeSpike(),
        ColdStart(),
        MachineTiming(),
        TemplateReuse(),
        Coverage(),
        NetworkFanout(),
        ParameterProbe(),
        ExtractionBudget(),
        SharedTemplate(),
    )


def names() -> frozenset[str]:
    """What a policy may name: every detector, and the segment's outlier model."""
    return frozenset(detector.name for detector in build_all()) | {outlier.NAME}

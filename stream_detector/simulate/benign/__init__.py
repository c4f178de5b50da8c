"""Classes of honest clients: what each does, and how many of them there are.

`KINDS` is the table. The first eight make the usual population; that people make half of it is a plain choice, as are the
shares. The others are there on request (`Scenario.kinds`). All that look like a campaign are meant to: nobody should be
throttled for them.
"""

from collections.abc import Mapping

from stream_detector.simulate.benign.people import interactive, team_key
from stream_detector.simulate.benign.programs import (
    classifier,
    harness_app,
    nightly_evaluation,
    production_app,
    rag_backfill,
    review_agent,
)
from stream_detector.simulate.benign.seat import Kind, Seat, Sources

__all__ = ["BY_NAME", "EVERY_KIND", "KINDS", "Kind", "Seat", "Sources"]

KINDS = (
    Kind("interactive", 0.48, (60, 38, 2), interactive, is_program=False),
    Kind("production_app", 0.22, (5, 55, 40), production_app),
    Kind("harness_app", 0.10, (15, 65, 20), harness_app),
    Kind("nightly_evaluation", 0.05, (5, 60, 35), nightly_evaluation),
    Kind("rag_backfill", 0.04, (2, 50, 48), rag_backfill),
    Kind("review_agent", 0.04, (2, 58, 40), review_agent),
    Kind("team_key", 0.04, (0, 50, 50), team_key, is_program=False),
    Kind("classifier", 0.03, (2, 58, 40), classifier),
    # programs of other customers
    Kind("migration", 0.0, (0, 15, 85), production_app, fresh=0.9),
    Kind("gateway_proxy", 0.0, (0, 30, 70), production_app, fresh=0.03),
    Kind("fallback_router", 0.0, (0, 50, 50), production_app, fresh=0.03),
    Kind("release_benchmarking", 0.0, (0, 40, 60), production_app, fresh=0.03),
    Kind("release_adopter", 0.0, (2, 58, 40), production_app, fresh=0.03),
    Kind("llm_judge", 0.0, (2, 58, 40), production_app, fresh=0.05),
    Kind("audit_trail", 0.0, (0, 50, 50), production_app, fresh=0.03),
    Kind("content_moderation", 0.0, (5, 55, 40), production_app, fresh=0.03),
    Kind("synthetic_data", 0.0, (5, 65, 30), production_app, fresh=0.05),
    Kind("translation", 0.0, (5, 65, 30), production_app, fresh=0.03),
    Kind("mobile_app", 0.0, (5, 75, 20), production_app, fresh=0.05),
    Kind("chat_product", 0.0, (2, 58, 40), production_app, fresh=0.03),
    Kind("tutoring", 0.0, (5, 75, 20), production_app, fresh=0.05),
    Kind("coding_assistant", 0.0, (5, 65, 30), production_app, fresh=0.05),
    Kind("new_startup", 0.0, (10, 85, 5), production_app, fresh=0.9),
    Kind("cron", 0.0, (20, 70, 10), production_app, fresh=0.05),
    Kind("load_test", 0.0, (0, 40, 60), production_app, fresh=0.1),
    # people
    Kind("research_student", 0.0, (30, 70, 0), interactive, is_program=False, fresh=0.2),
    Kind("red_team", 0.0, (0, 30, 70), interactive, is_program=False, fresh=0.03),
    Kind("classroom", 0.0, (10, 90, 0), interactive, is_program=False, fresh=0.1),
    Kind("night_shift", 0.0, (0, 40, 60), team_key, is_program=False, fresh=0.03),
    Kind("traveller", 0.0, (40, 58, 2), interactive, is_program=False, fresh=0.03),
    Kind("vpn_user", 0.0, (50, 48, 2), interactive, is_program=False, fresh=0.05),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

EVERY_KIND = tuple((kind.name, 1.0) for kind in KINDS)
"""For `Scenario.kinds`: all classes with equally many clients."""

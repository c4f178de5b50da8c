"""Classes of honest clients: what each does, and how many of them there are.

`KINDS` is the table. The first eight make the usual population; that people make half of it is a plain choice, as are the
shares. The others are there on request (`Scenario.kinds`). All that look like a campaign are meant to: nobody should be
throttled for them.
"""

from collections.abc import Mapping

from stream_detector.simulate.benign.customers import (
    fallback_router,
    gateway_proxy,
    migration,
    new_startup,
    release_adopter,
)
from stream_detector.simulate.benign.occasions import (
    classroom,
    load_test,
    red_team,
    release_benchmarking,
    research_student,
)
from stream_detector.simulate.benign.people import interactive, night_shift, team_key, traveller, vpn_user
from stream_detector.simulate.benign.products import (
    audit_trail,
    chat_product,
    chat_site,
    coding_assistant,
    content_moderation,
    cron,
    llm_judge,
    mobile_app,
    synthetic_data,
    translation,
    tutoring,
    voice_assistant,
)
from stream_detector.simulate.benign.programs import (
    classifier,
    harness_app,
    nightly_evaluation,
    production_app,
    queue_worker,
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
    Kind("queue_worker", 0.0, (10, 65, 25), queue_worker, fresh=0.05, usual=1_500.0, least=300.0, most=8_000.0),
    # products
    Kind("llm_judge", 0.0, (2, 58, 40), llm_judge, fresh=0.05, usual=150.0, most=8_000.0),
    Kind("audit_trail", 0.0, (0, 50, 50), audit_trail, fresh=0.03, usual=100.0, most=8_000.0),
    Kind("content_moderation", 0.0, (5, 55, 40), content_moderation, fresh=0.03, usual=150.0, most=10_000.0),
    Kind("synthetic_data", 0.0, (5, 65, 30), synthetic_data, fresh=0.05, most=4_000.0),
    Kind("translation", 0.0, (5, 65, 30), translation, fresh=0.03, usual=100.0, most=5_000.0),
    Kind("mobile_app", 0.0, (5, 75, 20), mobile_app, fresh=0.05, usual=200.0, most=10_000.0),
    Kind("chat_product", 0.0, (2, 58, 40), chat_product, fresh=0.03, usual=150.0, most=8_000.0),
    Kind("chat_site", 0.0, (2, 58, 40), chat_site, fresh=0.05, usual=1_000.0, least=300.0, most=10_000.0),
    Kind("voice_assistant", 0.0, (0, 50, 50), voice_assistant, fresh=0.05, usual=1_500.0, least=300.0, most=15_000.0),
    Kind("tutoring", 0.0, (5, 75, 20), tutoring, fresh=0.05, usual=100.0, most=8_000.0),
    Kind("coding_assistant", 0.0, (5, 65, 30), coding_assistant, fresh=0.05, usual=200.0, most=8_000.0),
    Kind("cron", 0.0, (20, 70, 10), cron, is_program=False, fresh=0.05),
    # customers whose traffic changes abruptly
    Kind("migration", 0.0, (0, 15, 85), migration, fresh=0.9, usual=1_500.0, least=500.0, most=8_000.0),
    Kind("new_startup", 0.0, (10, 85, 5), new_startup, fresh=0.9, usual=300.0, least=50.0, most=4_000.0),
    Kind("gateway_proxy", 0.0, (0, 30, 70), gateway_proxy, fresh=0.03, usual=800.0, least=200.0, most=6_000.0),
    Kind("fallback_router", 0.0, (0, 50, 50), fallback_router, fresh=0.03, usual=3_000.0, least=1_000.0, most=15_000.0),
    Kind("release_adopter", 0.0, (2, 58, 40), release_adopter, fresh=0.03, usual=200.0, most=8_000.0),
    # occasions
    Kind("release_benchmarking", 0.0, (0, 40, 60), release_benchmarking, usual=2_000.0, least=200.0, most=12_000.0),
    Kind("load_test", 0.0, (0, 40, 60), load_test, fresh=0.1, usual=1_500.0, least=300.0, most=8_000.0),
    Kind("research_student", 0.0, (30, 70, 0), research_student, is_program=False, fresh=0.2),
    Kind("red_team", 0.0, (0, 30, 70), red_team, is_program=False, fresh=0.03),
    Kind("classroom", 0.0, (10, 90, 0), classroom, is_program=False, fresh=0.1),
    # people
    Kind("night_shift", 0.0, (0, 40, 60), night_shift, is_program=False, fresh=0.03),
    Kind("traveller", 0.0, (40, 58, 2), traveller, is_program=False, fresh=0.03),
    Kind("vpn_user", 0.0, (50, 48, 2), vpn_user, is_program=False, fresh=0.05),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}

EVERY_KIND = tuple((kind.name, 1.0) for kind in KINDS)
"""For `Scenario.kinds`: all classes with equally many clients."""

"""The example of deploy/gateways/asgi on each of its servers, for the tests of its calls and of its sockets."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from gateways.asgi_services import SERVERS, AsgiService, Starter


@pytest.fixture(scope="module", params=SERVERS)
def lasting_service(
    request: pytest.FixtureRequest, redis_session_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AsgiService]:
    with ExitStack() as resources:
        yield Starter(redis_session_url, tmp_path_factory.mktemp("asgi"), resources).start(request.param)


@pytest.fixture
def service(lasting_service: AsgiService) -> AsgiService:
    """One that other tests of the module use, too."""
    lasting_service.rest()
    return lasting_service

"""A hook that is asked with API keys: it knows their clients, and the keys are found nowhere."""

import asyncio
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import redis
from gateways.hooks import decision
from running.hook_process import HookProcess
from running.worker_process import environment
from servers.processes import wait_until

from stream_detector.adapters.redis_stores import RedisStores
from stream_detector.domain.decisions import Action, Limit

KEY = "sk-live-marker-4711"
IDENTITY = {"identity": "key", "identity_salt": "sixteen bytes or more", "hook_client_header": "authorization"}


def client_of(key: str) -> str:
    command = [sys.executable, "-m", "stream_detector", "client-id"]
    return subprocess.run(
        command, input=f"{key}\n", env=environment(IDENTITY), capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_key_is_throttled_by_its_id_and_found_nowhere(redis_url: str, tmp_path: Path) -> None:
    client, now_s = client_of(KEY), time.time()
    assert client == client_of(f"Bearer {KEY}")
    assert KEY not in client

    async def throttle() -> None:
        limit = Limit(1, 3600.0, 1, output_tokens=1000)
        made = decision(client, Action.THROTTLE, limit=limit, decided_at=now_s, expires_at=now_s + 3600)
        async with RedisStores(redis_url, prefix="sd", profile_ttl_s=3600.0) as stores:
            await stores.decisions.put([made], now_s)

    asyncio.run(throttle())
    log = tmp_path / "hook.log"
    hook = HookProcess({"redis": redis_url, "log_level": "DEBUG", **IDENTITY}, log)
    try:
        hook.wait_ready()
        wait_until(lambda: hook.ask(f"Bearer {KEY}") == 429, "the key is throttled")
        assert hook.ask("Bearer sk-live-another") == 200
        with urllib.request.urlopen(f"http://{hook.address}/metrics") as answer:
            metrics = answer.read().decode()
    finally:
        hook.close()

    with redis.Redis.from_url(redis_url) as store:
        names = list(store.scan_iter())
        kept = [store.dump(name) for name in names]
    assert any(client.encode() in name for name in names), "nothing was limited"
    for place in (metrics.encode(), log.read_bytes(), *names, *kept):
        assert KEY.encode() not in place

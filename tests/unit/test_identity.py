import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_detector.domain.errors import ConfigError
from stream_detector.domain.identity import Evidence, Identity

SALT = b"a salt of many bytes"
KEYS, TOKENS, CERTIFICATES = (
    Identity(evidence, salt=SALT) for evidence in (Evidence.KEY, Evidence.JWT, Evidence.CERTIFICATE)
)


def token(**claims: object) -> str:
    parts = ({"alg": "RS256"}, claims)
    return ".".join(
        [*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "sig"]
    )


def test_an_id_is_taken_as_it_is() -> None:
    assert Identity().of("alice") == "alice"


@pytest.mark.parametrize("value", [None, "", "x" * 257, "a\tb", "a\nb", "x" * 100_000])
def test_what_no_call_event_could_carry_is_no_id(value: str | None) -> None:
    assert Identity().of(value) is None


def test_a_key_becomes_a_hash_that_shows_nothing_of_it() -> None:
    client = KEYS.of("Bearer sk-live-0123456789")
    assert client == KEYS.of("sk-live-0123456789") == KEYS.of("bearer   sk-live-0123456789 ")
    assert client == KEYS.of("Bearer\tsk-live-0123456789") == KEYS.of("Key sk-live-0123456789")
    assert client is not None
    assert client.startswith("k_")
    assert len(client) == 34
    assert "sk" not in client[2:]
    assert client != KEYS.of("sk-live-0123456780")
    assert client != Identity(Evidence.KEY, salt=b"another salt of bytes").of("sk-live-0123456789")


def test_every_spelling_of_basic_is_one_client() -> None:
    assert KEYS.of("Basic YWxpY2U6a2V5MQ==") == KEYS.of("basic YWxpY2U6a2V5MR==") == KEYS.of("Basic YWxpY2U6a2V5MQ")
    assert KEYS.of("Basic YWxpY2U6a2V5MQ==") is not None
    assert KEYS.of("Basic YWxpY2U6a2V5MQ==") != KEYS.of("Basic YWxpY2U6a2V5Mg==")


@pytest.mark.parametrize(
    "value", ["", "Bearer ", "Bearer    ", " ", "Bearer bearer sk-1", "sk-1,junk", "Bearer sk\u00e9", "Basic x"]
)
def test_no_key_is_nobody(value: str) -> None:
    assert KEYS.of(value) is None


def test_a_token_is_known_by_its_claim_and_its_issuer() -> None:
    alice = TOKENS.of(f"Bearer {token(iss='https://a', sub='alice', exp=1)}")
    assert alice == TOKENS.of(token(iss="https://a", sub="alice", exp=2)), "a renewed token is another client"
    assert alice is not None
    assert (
        len({alice, TOKENS.of(token(iss="https://b", sub="alice")), TOKENS.of(token(iss="https://a", sub="bob"))}) == 3
    )
    assert Identity(Evidence.JWT, claim="org", salt=SALT).of(token(sub="alice", org=7)) is not None


def payload(content: bytes) -> str:
    return f"a.{base64.urlsafe_b64encode(content).decode()}.c"


@pytest.mark.parametrize(
    "value", ["x", "a.b", "a.b.c", "a..c", f"a.{'A' * 9000}.c", payload(b"[" * 9000), payload(b"3")]
)
def test_what_is_no_token_is_nobody(value: str) -> None:
    assert TOKENS.of(value) is None


@pytest.mark.parametrize("claims", [{}, {"sub": ""}, {"sub": None}, {"sub": [1]}, {"sub": True}, {"iss": "https://a"}])
def test_a_token_that_names_nobody_is_nobody(claims: dict[str, object]) -> None:
    assert TOKENS.of(token(**claims)) is None


def test_a_certificate_is_known_by_uri_else_subject_else_hash() -> None:
    subject = 'By=spiffe://us;Hash=ab12;Subject="CN=alice,O=\\"Org, Inc\\""'
    by_uri = CERTIFICATES.of(f"{subject};URI=spiffe://them/alice")
    assert by_uri == CERTIFICATES.of("URI=spiffe://them/alice;Hash=ffff")
    assert CERTIFICATES.of(subject) == CERTIFICATES.of('Hash=cd34;Subject="CN=alice,O=\\"Org, Inc\\""')
    assert len({by_uri, CERTIFICATES.of(subject), CERTIFICATES.of("Hash=ab12"), CERTIFICATES.of("CN=alice,O=Org")}) == 4


@pytest.mark.parametrize(
    "forged", ['Subject="CN=bob"', 'Subject="CN=bob', '"', "URI=spiffe://bob;", ',,"",', 'Subject="\\']
)
def test_only_the_proxy_next_to_us_is_believed(forged: str) -> None:
    ours = 'Hash=ab12;Subject="CN=alice,O=Org"'
    assert CERTIFICATES.of(f"{forged},{ours}") == CERTIFICATES.of(ours)


def test_several_keys_can_be_one_client() -> None:
    first, second = KEYS.of("one"), KEYS.of("two")
    assert first
    assert second
    named = Identity(Evidence.KEY, salt=SALT, names={first: "acme", second: "acme"})
    assert named.of("one") == named.of("two") == "acme"
    assert named.of("three") == KEYS.of("three")


@pytest.mark.parametrize("salt", [b"", b"x", b"fifteen bytes ."])
@pytest.mark.parametrize("evidence", [Evidence.KEY, Evidence.JWT, Evidence.CERTIFICATE])
def test_nothing_is_hashed_without_a_salt_that_nobody_guesses(evidence: Evidence, salt: bytes) -> None:
    with pytest.raises(
        ConfigError, match=rf"needs a salt of at least 16 bytes, got {len(salt)}; set STREAM_DETECTOR_IDENTITY_SALT"
    ):
        Identity(evidence, salt=salt)


@given(st.sampled_from([Identity(), KEYS, TOKENS, CERTIFICATES]), st.text(max_size=300))
def test_whatever_is_sent_names_a_usable_client_or_nobody(identity: Identity, value: str) -> None:
    client = identity.of(value)
    assert client is None or (0 < len(client) <= 256 and client.isprintable())

"""The call event, version 1: what a gateway tells us about one API request.

Required are `id`, `ts` and `client`; every other field is optional, and a detector that lacks its field says `Warming`.
Unknown fields are ignored. A field that is present must be right: the whole call is rejected otherwise.
"""

from typing import Annotated

from msgspec import Meta, Struct

from stream_detector.domain.addresses import AddressKind, network_of

_Text = Annotated[str, Meta(max_length=256)]
_Name = Annotated[str, Meta(min_length=1, max_length=256)]
_Seconds = Annotated[float, Meta(ge=0, le=32_503_680_000)]
_TokenId = Annotated[str, Meta(max_length=32)]
_Bias = Annotated[float, Meta(ge=-1_000_000, le=1_000_000)]
_LogitBias = Annotated[dict[_TokenId, _Bias], Meta(max_length=1024)]
_Tokens = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Hash53 = Annotated[int, Meta(ge=0, lt=1 << 53)]
_Hash32 = Annotated[int, Meta(ge=0, lt=1 << 32)]
_Ratio = Annotated[float, Meta(ge=0, le=1)]

VECTOR_DIMENSIONS = 64


class Params(Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """Sampling parameters of the request, as the caller set them."""

    temperature: Annotated[float, Meta(ge=0, le=100)] | None = None
    top_p: _Ratio | None = None
    n: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    max_tokens: _Tokens | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=100_000)] | None = None
    logit_bias: _LogitBias | None = None
    """Token id (as text) -> bias."""
    seed: int | None = None


class Sketch(Struct, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """The privacy-preserving form of a prompt, computed with a secret salt at the first trusted hop.

    Integers stay below 2**53, so that every JSON parser keeps them; bytes are base64 in JSON.
    """

    head: _Hash53
    """Hash of the first eight words: equal for prompts from one template."""
    digest: _Hash53
    """Hash of the whole text."""
    simhash: Annotated[bytes, Meta(min_length=8, max_length=8)]
    """64-bit simhash of the words: near-duplicates differ in few bits."""
    shingles: Annotated[tuple[_Hash32, ...], Meta(max_length=16)] = ()
    """The smallest hashes of the 3-word shingles (bottom-k)."""
    vector: Annotated[bytes, Meta(max_length=VECTOR_DIMENSIONS)] = b""
    """Signed count-sketch of the words: 64 times int8, or empty."""
    chars: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    words: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 0
    distinct_ratio: _Ratio = 0.0
    """Distinct words / words."""
    symbol_ratio: _Ratio = 0.0
    """Characters that are neither letters, digits nor white space / characters."""
    opening: _Hash53 | None = None
    """Hash of the first three words: shared by prompts behind a prefix that is too short for `head`."""
    cues: Annotated[int, Meta(ge=0, lt=1 << 32)] = 0
    """Bit set of `detection.cues.Cue`."""


class ApiCall(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One API call, version 1.

    Raises:
        ValueError: from the constructor, when a name holds unprintable characters or `ip` is not an address.
            (Types and ranges are checked where bytes are decoded: `wire.calls`.)
    """

    id: _Name
    ts: _Seconds
    """Event time of the request, seconds since 1970."""
    client: _Name
    """Opaque id of the API key or account; never the secret itself."""
    org: _Text | None = None
    user: _Text | None = None
    """End user as declared by the client; relays forge it."""
    tier: _Text | None = None
    client_created_ts: _Seconds | None = None
    quota: Annotated[float, Meta(ge=0, le=1_000_000_000_000)] | None = None
    """Calls a day that the subscription allows."""
    country: _Text | None = None
    time_zone: _Text | None = None
    payment: _Text | None = None
    """Keyed hash of the means of payment."""
    ip: Annotated[str, Meta(max_length=45)] | None = None
    ip_country: Annotated[str, Meta(max_length=2)] | None = None
    """Country of `ip` (ISO 3166-1 alpha-2), if the gateway knows it; else looked up where databases are set. So are"""
    ip_asn: Annotated[int, Meta(ge=1, lt=1 << 32)] | None = None
    """the number of its autonomous system,"""
    ip_kind: AddressKind | None = None
    """what it is mainly used for,"""
    ip_provider: _Text | None = None
    """and who operates it: `amazon`."""
    ua: Annotated[str, Meta(max_length=1024)] | None = None
    ja4: _Text | None = None
    route: Annotated[str, Meta(max_length=1024)] | None = None
    """Route template, such as `/v1/chat/completions`."""
    model: _Text | None = None
    status: Annotated[int, Meta(ge=100, le=599)] | None = None
    latency_ms: Annotated[float, Meta(ge=0, le=86_400_000)] | None = None
    stream: bool | None = None
    input_tokens: _Tokens | None = None
    output_tokens: _Tokens | None = None
    finish: _Text | None = None
    """stop, length, refusal, filter, tool or error."""
    params: Params | None = None
    prompt: str | None = None
    """Text, only on the way to the sketch; never stored, logged or sent on."""
    sketch: Sketch | None = None

    def __post_init__(self) -> None:
        if not self.client.isprintable():
            message = "client: must be printable characters only, without control or formatting characters"
            raise ValueError(message)
        if not self.id.isprintable():
            message = "id: must be printable characters only, without control or formatting characters"
            raise ValueError(message)
        if self.ip is not None:
            network_of(self.ip)

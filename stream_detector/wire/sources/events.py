"""What comes of a document: an event, a refusal with its reason, or nothing, because it tells of no call.

1. A bad document harms nobody: its neighbours go on, and it carries its reason. So it does where the mistake is ours.
2. Text becomes a sketch here, at once, and what names a client its id. Neither goes any further: not into an event, a
   refusal or a note.
3. A wrong field that a call can do without is left out, with a note: clients choose their own user agent and parameters,
   and a call must not vanish because of them. Of `logit_bias` its wrong entries go only. Texts that are too long are cut.
4. A document without an id gets one from its content, so that sending it again gives it the same.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, field, inspect

from stream_detector.domain.calls import ApiCall, Sketch
from stream_detector.domain.errors import MalformedCall, RejectReason
from stream_detector.domain.identity import Evidence, Identity
from stream_detector.domain.validation import explain, shorten
from stream_detector.wire.calls import Rejected
from stream_detector.wire.sources import refusals, values

Sketching = Callable[[str], Sketch]
"""`detection.sketching.Sketcher.sketch`."""

UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that it cannot decode; none of them shows text of a document."""

_Document = TypeVar("_Document")


class Discretion(Struct, frozen=True):
    """What becomes of texts, and of those who are named."""

    sketch: Sketching
    identity: Identity = Identity()


MOST_DOCUMENTS = 50_000
"""Of one body: what is said of each must fit into memory."""
_MOST_NOTES = 1000
_REQUIRED = ("id", "ts", "client")
_MAX_ID_CHARS = 256
_SECRET = frozenset({"prompt", "sketch", "params"})
_NOBODY = "-"
"""Stands in for the client while a half that does not know it is checked."""


class Part(StrEnum):
    """How much of a call an event tells."""

    WHOLE = "whole"
    REQUEST = "request"
    """What was asked; the completion follows."""
    COMPLETION = "completion"
    """What came of it; the request is another event with the same id."""


class Draft(Struct):
    """What a document says, as our fields, not checked yet."""

    fields: dict[str, object]
    """None for what it does not say."""
    text: str | None = None
    part: Part | None = None
    """None for what the sender says of the whole body."""


class Event(Struct, frozen=True, gc=False):
    """A checked call, or half of one."""

    part: Part
    call: ApiCall
    """Without text. `client` is empty where a completion does not say it."""


class Found(Struct):
    """What one body holds."""

    events: list[Event] = field(default_factory=list)
    refused: list[Rejected] = field(default_factory=list)
    skipped: int = 0
    """Documents that tell of no model call."""
    left_out: list[str] = field(default_factory=list)
    """Fields that were left out, and why; at most a thousand."""
    unreadable: bool = False
    """Nothing could be read at all."""
    unforeseen: dict[str, str] = field(default_factory=dict)
    """Mistakes of ours that documents have shown: their kind, and where; they are refused, too."""

    def refuse(self, index: int, error: Exception, size_bytes: int) -> None:
        """Refuse a document for an error that nobody thought of."""
        self.unforeseen.setdefault(refusals.kind_of(error), refusals.trace_of(error))
        self.refused.append(Rejected(index, refusals.unforeseen(error), size_bytes, {}))


def unreadable(body: bytes, detail: str) -> Found:
    """A body of which nothing can be used."""
    error = MalformedCall(RejectReason.UNREADABLE, detail)
    return Found(refused=[Rejected(0, error, len(body), {})], unreadable=True)


def gather(
    documents: Sequence[_Document],
    read: Callable[[_Document], Draft | ApiCall | None],
    *,
    discretion: Discretion,
    part: Part,
    size: Callable[[_Document], int] = len,  # type: ignore[assignment]
) -> Found:
    """Read documents one by one.

    Args:
        documents: what the body holds.
        read: a draft, or a call that is right already; None for a document that tells of no call. May raise
            `MalformedCall`, and what cannot be decoded.
        discretion: what becomes of texts and of those who are named.
        part: of a call that a document tells, where it does not say so itself.
        size: of a document, in bytes.
    """
    if len(documents) > MOST_DOCUMENTS:
        detail = f"{len(documents)} documents, must be at most {MOST_DOCUMENTS} in one body; send smaller batches"
        error = MalformedCall(RejectReason.TOO_LARGE, detail)
        return Found(refused=[Rejected(0, error, sum(map(size, documents)), {})], unreadable=True)
    found = Found()
    for index, document in enumerate(documents):
        draft: Draft | ApiCall | None = None
        try:
            try:
                draft = read(document)
                _sort_in(found, draft, discretion, part)
            except (MalformedCall, *UNDECODABLE) as error:
                fields = _readable(draft.fields, discretion.identity) if isinstance(draft, Draft) else {}
                found.refused.append(Rejected(index, refusals.explained(error), size(document), fields))
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not cost its neighbours; it is counted
            found.refuse(index, error, size(document))
    return found


def _sort_in(found: Found, draft: Draft | ApiCall | None, discretion: Discretion, part: Part) -> None:
    if isinstance(draft, Draft):
        found.events.append(_shape(draft, discretion, part, found.left_out))
    elif draft is not None:
        found.events.append(Event(part, draft))
    else:
        found.skipped += 1


def id_of(*content: object) -> str:
    """An id made of a document's content."""
    return hashlib.blake2b(repr(content).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _shape(draft: Draft, discretion: Discretion, part: Part, notes: list[str]) -> Event:
    part = draft.part or part
    fields = _tidy(draft.fields)
    _hide_client(fields, discretion.identity)
    for name in _REQUIRED:
        if name not in fields and not (name == "client" and part is Part.COMPLETION):
            message = f"{name}: missing, must be there in every call"
            raise MalformedCall(RejectReason.INVALID_FIELD, message)
    if draft.text:
        fields["sketch"] = discretion.sketch(draft.text)
    is_anonymous = "client" not in fields
    call = _checked({"client": _NOBODY} | fields, notes)
    return Event(part, msgspec.structs.replace(call, client="") if is_anonymous else call)


def _hide_client(fields: dict[str, object], identity: Identity) -> None:
    """What names the client becomes its id. Not shown in any message: it may be a secret."""
    given = fields.get("client")
    if identity.evidence is Evidence.ID or given is None:
        return
    client = identity.of(given) if isinstance(given, str) else None
    if client is None:
        message = f"client: names nobody, must be a {identity.evidence} (STREAM_DETECTOR_IDENTITY)"
        raise MalformedCall(RejectReason.INVALID_FIELD, message)
    fields["client"] = client


def _checked(fields: dict[str, object], notes: list[str]) -> ApiCall:
    while True:
        try:
            return msgspec.convert(fields, ApiCall)
        except msgspec.ValidationError as error:
            shown = {name: value for name, value in fields.items() if name not in _SECRET}
            reason = explain(error, shown, ApiCall)
            name, _, rest = reason.partition(":")[0].partition(".")
            if name in _REQUIRED or name not in fields:
                raise MalformedCall(RejectReason.INVALID_FIELD, reason) from error
            if len(notes) < _MOST_NOTES:
                notes.append(reason)
            _leave_out(fields, name, rest.partition("[")[0])


def _leave_out(fields: dict[str, object], name: str, inner: str) -> None:
    content = fields[name]
    if name == "params" and isinstance(content, dict) and inner in content:
        kept = {key: value for key, value in content.items() if key != inner}
        given = content[inner]
        if inner == "logit_bias" and isinstance(given, dict) and (biases := values.biases(given)) not in ({}, given):
            kept[inner] = biases
        fields[name] = kept
    else:
        del fields[name]


def _tidy(fields: Mapping[str, object]) -> dict[str, object]:
    """Known fields that say something, none of them too long."""
    tidy = {name: fields[name] for name in ApiCall.__struct_fields__ if fields.get(name) is not None}
    tidy.pop("prompt", None)
    for name, most_chars in _CUT.items():
        if name in tidy and isinstance(text := tidy[name], str):
            tidy[name] = values.encodable(text)[:most_chars]
    if isinstance(given := tidy.get("id"), str):
        printable = "".join(filter(str.isprintable, given))[:_MAX_ID_CHARS]
        tidy["id"] = printable or id_of(given)
    params = tidy.get("params")
    if isinstance(params, dict):
        tidy["params"] = {name: value for name, value in params.items() if value is not None}
    return tidy


def _longest() -> dict[str, int]:
    longest: dict[str, int] = {}
    for each in inspect.type_info(ApiCall).fields:  # type: ignore[attr-defined]
        choices = each.type.types if isinstance(each.type, inspect.UnionType) else (each.type,)
        for choice in choices:
            if isinstance(choice, inspect.StrType) and choice.max_length and choice.min_length is None:
                longest[each.name] = choice.max_length
    return {name: most for name, most in longest.items() if not name.startswith("ip")}


_CUT: Final = _longest()
"""Texts that may be cut; what names a client or an address may not."""


def _readable(fields: Mapping[str, object], identity: Identity) -> dict[str, str]:
    """What a refusal may show."""
    hidden = _SECRET if identity.evidence is Evidence.ID else _SECRET | {"client"}
    return {name: values.encodable(shorten(value)) for name, value in _tidy(fields).items() if name not in hidden}

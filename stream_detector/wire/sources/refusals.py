"""What is said of a document that cannot be used, by the error that it caused."""

import traceback

from stream_detector.domain.errors import MalformedCall, RejectReason


def explained(error: Exception) -> MalformedCall:
    """For the sender: of an error that reading may raise."""
    if isinstance(error, MalformedCall):
        return error
    detail = "nested too deeply" if isinstance(error, RecursionError) else f"not valid: {error}"
    return MalformedCall(RejectReason.UNREADABLE, detail)


def unforeseen(error: Exception) -> MalformedCall:
    """For the sender: of an error that nobody thought of. What it says is not shown, for it may quote the document."""
    detail = f"a value that the reader did not expect ({type(error).__name__}); please report this, with the log"
    return MalformedCall(RejectReason.INVALID_FIELD, detail)


def kind_of(error: Exception) -> str:
    """For the log: errors of one kind are one mistake, of this type and in this line."""
    places = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in {places[-1].filename}:{places[-1].lineno}" if places else type(error).__name__


def trace_of(error: Exception) -> str:
    """For the log: the lines that led there, and nothing of the document."""
    return "".join(traceback.format_tb(error.__traceback__))

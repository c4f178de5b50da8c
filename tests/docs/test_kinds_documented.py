"""docs/offline.md and `simulate --kinds` know the same classes."""

from documents.reading import page, section

from stream_detector.simulate.benign import KINDS


def test_page_names_every_class_of_honest_clients() -> None:
    text = section(page("offline"), "Classes")
    assert [kind.name for kind in KINDS if f"`{kind.name}`" not in text] == []

"""What a prompt's sketch costs, by its size.

    PYTHONPATH=tests python tests/benchmarks/bench_sketch.py

Prompts are cut from simulated questions of people. Beside it stands the least that plain Python needs for the words of the
same text: split them, hash each and every three in a row. Medians of several runs; a fixed cost per prompt shows in the
small ones. The mean prompt of published production traffic is 1,155 tokens, about 4.6 KB (Azure LLM inference trace 2023).
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from itertools import islice
from random import Random

from stream_detector.detection.sketching import Sketcher
from stream_detector.simulate import prompts

_SIZES_KB = (0.5, 1.0, 2.0, 4.6, 8.0, 32.0)
_PROMPTS, _RUNS = 100, 9


def main() -> None:
    text = " ".join(_questions(Random(1)))
    sketch = Sketcher(b"a salt of the benchmark").sketch
    sys.stdout.write(f"{'KB':>5s}{'us':>10s}{'us per KB':>12s}{'plain Python':>15s}\n")
    for size_kb in _SIZES_KB:
        length = round(size_kb * 1024)
        texts = [text[at : at + length] for at in range(0, length * _PROMPTS, length)]
        ours, plain = _median_us(sketch, texts), _median_us(_words_hashed, texts)
        sys.stdout.write(f"{size_kb:5.1f}{ours:10.1f}{ours / size_kb:12.1f}{plain / ours:14.2f}x\n")


def _questions(rng: Random) -> list[str]:
    """Enough for the largest prompts; of many people, for one asks much the same again."""
    own = prompts.Style(model="large-3", answer_tokens=300.0)
    needed, texts = round(_SIZES_KB[-1] * 1024 * _PROMPTS), []
    while needed > 0:
        asked = [request.text for request in islice(prompts.chat(rng, own, ""), 10)]
        texts.extend(asked)
        needed -= sum(map(len, asked))
    return texts


def _words_hashed(text: str) -> int:
    words = text.lower().split()
    return len({hash(word) for word in words}) + len(
        {hash(three) for three in zip(words, words[1:], words[2:], strict=False)}
    )


def _median_us(work: Callable[[str], object], texts: Sequence[str]) -> float:
    """Per text."""
    runs = []
    for _ in range(_RUNS):
        started_s = time.perf_counter()
        for text in texts:
            work(text)
        runs.append((time.perf_counter() - started_s) / len(texts) * 1e6)
    return statistics.median(runs)


if __name__ == "__main__":
    main()

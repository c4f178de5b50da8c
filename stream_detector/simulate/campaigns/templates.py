"""Templates of the families: what is constant around a task. [[marks]] are filled in call by call."""

from random import Random

from stream_detector.simulate.campaigns.wording import Layout, some
from stream_detector.simulate.grammar import Grammar


def generator(rng: Random, grammar: Grammar) -> str:
    """An order for new tasks: purpose, a list of conditions, examples to follow."""
    layout = Layout(rng)
    opening, closing = (grammar.line(rng, rule) for rule in ("generator_opening", "generator_closing"))
    conditions = layout.points(some(rng, grammar, "generator_points", 7))
    if rng.random() < 0.5:  # noqa: PLR2004  plain choice
        conditions = layout.section(grammar.line(rng, "heading_rules"), conditions)
    return layout.text(opening, conditions, f"{closing}\n")


def reasoning(rng: Random, grammar: Grammar) -> str:
    """An order to write the whole reasoning down, before or after the task."""
    layout = Layout(rng)
    order = f"{grammar.line(rng, 'reasoning_instruction')} {grammar.line(rng, 'reasoning_format')}".strip()
    task = layout.section(grammar.line(rng, "heading_task"), "[[task]]")
    return layout.text(task, order) if rng.random() < 0.25 else layout.text(order, task)  # noqa: PLR2004


def rubric(rng: Random, grammar: Grammar) -> str:
    """A grading scheme, then an instruction and answers to it."""
    layout = Layout(rng)
    criteria = layout.section(
        grammar.line(rng, "heading_criteria"), layout.points(some(rng, grammar, "rubric_criteria", 2))
    )
    scale = grammar.line(rng, "rubric_scale").replace("[[low]]", grammar.line(rng, "rubric_low"))
    scale = scale.replace("[[high]]", grammar.line(rng, "rubric_high"))
    how = layout.section(grammar.line(rng, "heading_format"), f"{scale} {grammar.line(rng, 'rubric_format')}")
    scheme = [grammar.line(rng, "rubric_role"), criteria, how]
    rng.shuffle(scheme)
    task = layout.section(grammar.line(rng, "heading_task"), "[[task]]")
    end = f"{grammar.line(rng, 'heading_scores')}:"
    return layout.text(*scheme, task, "[[answers]]", end)


def evolve(rng: Random, grammar: Grammar) -> str:
    """One way to make a prompt harder."""
    layout = Layout(rng)
    method = grammar.line(rng, rng.choice(grammar.groups["evolve_methods"]))
    limits = layout.points([grammar.line(rng, "evolve_limit") for _ in range(rng.randint(1, 4))])
    given = layout.section(grammar.line(rng, "heading_given"), "[[task]]")
    result = f"{grammar.line(rng, 'heading_result')}:"
    order = [grammar.line(rng, "evolve_opening"), method]
    rng.shuffle(order)
    order.insert(rng.randint(1, 2), limits)
    return layout.text(*order, given, result)


def pool(rng: Random, grammar: Grammar) -> str:
    """A private frame around a topic: role, procedure, length."""
    layout = Layout(rng)
    steps = some(rng, grammar, "pool_points", 4)
    parts = [
        layout.section(grammar.line(rng, "pool_heading"), grammar.line(rng, "pool_role")),
        layout.section(grammar.line(rng, "pool_heading_form"), layout.points(steps)),
        layout.section(grammar.line(rng, "pool_heading_length"), grammar.line(rng, "pool_length")),
    ]
    rng.shuffle(parts)
    return layout.text(*parts, layout.section(grammar.line(rng, "pool_heading_task"), "[[task]]"))


def choices(rng: Random, grammar: Grammar) -> str:
    """One multiple choice question."""
    first = grammar.line(rng, "sweep_opening")
    letter = rng.choice(("{}. ", "({}) ", "{}) ", "{}: ", "[{}] "))
    options = rng.choice(("\n", "\n", "  ")).join(f"{letter.format(name)}[[{name}]]" for name in "ABCD")
    return f"{first}\n\n[[task]]\n{options}\n{grammar.line(rng, 'sweep_answer')}"

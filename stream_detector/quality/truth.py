"""Labels of a batch, with what its cells know of the campaigns."""

import msgspec

from stream_detector.quality.labels import Label
from stream_detector.quality.matrix import Batch
from stream_detector.simulate.scenario import Scenario, labels


def scenario_of(batch: Batch) -> Scenario:
    """The campaigns alone; their calls are the same whoever else is there."""
    campaigns = tuple(cell.campaign for cell in batch.cells)
    return msgspec.structs.replace(batch.population.scenario, clients=0, campaigns=campaigns)


def truth_of(batch: Batch) -> dict[str, Label]:
    """Client -> label, honest clients and campaigns."""
    start_s = batch.population.scenario.start_s
    cells = {cell.campaign.id: cell for cell in batch.cells}
    found = {}
    for scenario in (batch.population.scenario, scenario_of(batch)):
        for client, label in labels(scenario).items():
            cell = cells.get(label.campaign or "")
            found[client] = Label(
                campaign=label.campaign,
                kind=label.kind,
                planned_calls=cell.planned_calls if cell else None,
                starts_at=start_s + cell.campaign.start_after_s if cell else None,
            )
    return found
